import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, beforeEach, test } from "node:test";
import { checkInvariants } from "../support/invariants.ts";
import {
  ended,
  expireLeases,
  jobState,
  openLab,
  startWorker,
  sweepWithoutPause,
  until,
} from "../support/worker.ts";
import { type Hand, startHand } from "./support/crew.ts";
import { gated, gone } from "./support/scripts.ts";
import { settled } from "./support/settle.ts";
import { cancel, submit } from "./support/submit.ts";

const linux = process.platform === "linux" ? false : "needs /proc";
const { context, org, scientist, clear } = await openLab({ after });
beforeEach(clear);

/** Stopped, as a machine that is paused; it goes on with SIGCONT. */
async function frozen(hand: Hand): Promise<void> {
  hand.tell({ do: "freeze" });
  await until("it to be stopped", async () => {
    const stat = await readFile(`/proc/${hand.pid}/stat`, "latin1");
    return /\) T /.test(stat);
  });
}

async function energies(job: string): Promise<number[]> {
  const rows = await context.superuser<{ energy_eh: number }>(
    "SELECT energy_eh FROM calculations WHERE job_id = $1",
    [job],
    org.database_name,
  );
  return rows.map((row) => row.energy_eh);
}

test("a worker stopped for longer than its lease wakes up to find it lost: its programs end, and nothing that they said is recorded", {
  skip: linux,
}, async (t) => {
  const [still, ready] = [gated(context), gated(context)];
  const jobs = [
    await submit(context, scientist, { script: still.script }),
    await submit(context, scientist, { script: ready.script }),
  ];
  const sleeper = await startHand(t, context, { slots: 2, lease_seconds: 1, alone: true });
  await sleeper.ready;
  sleeper.tell({ do: "work" });
  const pids = [await still.pid(), await ready.pid()] as const;
  await frozen(sleeper);
  await until("its leases to run out", async () => (await sweepWithoutPause(context)) > 0);
  await until("both to be free", async () => {
    await sweepWithoutPause(context);
    const held = await context.superuser("SELECT 1 FROM task_queue WHERE lease_owner IS NOT NULL");
    return held.length === 0;
  });
  const worker = startWorker(t, context);
  for (const job of jobs) assert.equal((await ended(context, org.org_id, job)).status, "completed");
  await worker.stop();
  // One program of the sleeper has ended and waits to be read, the other one still runs.
  await ready.open();
  await gone(pids[1]);
  sleeper.signal("SIGCONT");
  await gone(pids[0]);
  await until("the sleeper to be done", async () => sleeper.doing() === "idle or claiming");
  sleeper.tell({ do: "stop" });
  assert.deepEqual(await sleeper.ended, [0, null]);
  for (const job of jobs) {
    assert.deepEqual(await energies(job), [-2], "the newer worker's result alone");
    const { executions } = await jobState(context, org.org_id, job);
    assert.deepEqual(
      executions.map((row) => row.status),
      ["lost", "completed"],
    );
  }
  await settled(context, { jobs });
});

test("a worker that comes to record after another one has the task changes nothing, though nobody stopped it", {
  skip: linux,
}, async (t) => {
  const gate = gated(context);
  // The key that would refuse a second recording too is taken away: the fence alone decides.
  await context.superuser("ALTER TABLE job_outputs DROP CONSTRAINT job_outputs_pkey", [], org.database_name);
  const job = await submit(context, scientist, { script: gate.script });
  const slow = await startHand(t, context, { slots: 1, lease_seconds: 600, alone: true });
  await slow.ready;
  slow.tell({ do: "work" });
  await gate.pid();
  // Its next transaction is the one that records; it gets no further than to its door.
  const hangs = slow.says("hangs");
  slow.tell({ do: "hang", at: "before a worker's transaction" });
  await gate.open();
  await hangs;
  await expireLeases(context, job);
  await sweepWithoutPause(context);
  const worker = startWorker(t, context);
  assert.equal((await ended(context, org.org_id, job)).status, "completed");
  await worker.stop();
  slow.tell({ do: "go on" });
  slow.tell({ do: "stop" });
  assert.deepEqual(await slow.ended, [0, null]);
  assert.deepEqual(await energies(job), [-2], "the newer worker's result alone");
  await settled(context, { jobs: [job] });
});

test("a program that ends after its job was cancelled leaves no trace, and its worker is told", {
  skip: linux,
}, async (t) => {
  const [asleep, awake] = [gated(context), gated(context)];
  const first = await submit(context, scientist, { script: asleep.script });
  const hand = await startHand(t, context, { slots: 2, lease_seconds: 1 });
  await hand.ready;
  hand.tell({ do: "work" });
  const pid = await asleep.pid();
  // Cancelled while its worker hears nothing: the program ends by itself, and then the worker comes to record it.
  await frozen(hand);
  await cancel(context, scientist, first);
  await asleep.open();
  await gone(pid);
  hand.signal("SIGCONT");
  // Cancelled while its worker listens: the program is ended within a heartbeat.
  const second = await submit(context, scientist, { script: awake.script });
  const other = await awake.pid();
  await cancel(context, scientist, second);
  await gone(other);
  hand.tell({ do: "stop" });
  assert.deepEqual(await hand.ended, [0, null]);
  await settled(context, { jobs: [first, second], cancelled: [first, second] });
  for (const job of [first, second]) assert.deepEqual(await energies(job), []);
  assert.deepEqual(await checkInvariants(context), []);
});
