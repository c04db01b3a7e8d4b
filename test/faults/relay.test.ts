import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { relayOrg } from "../../src/relay/relay.ts";
import { submitScript } from "../support/engine.ts";
import { checkInvariants } from "../support/invariants.ts";
import { openLab, projected, queueOf, startWorker, until } from "../support/worker.ts";
import { dies, startHand } from "./support/crew.ts";
import { RELAY_POINTS } from "./support/points.ts";
import { settled } from "./support/settle.ts";
import { submit } from "./support/submit.ts";

const { context, org, scientist, clear } = await openLab({ after });
beforeEach(clear);

async function pending(): Promise<number> {
  const [row] = await context.superuser<{ count: number }>(
    "SELECT count(*) FROM outbox WHERE relayed_at IS NULL",
    [],
    org.database_name,
  );
  return row?.count ?? 0;
}

/** What the metadata database knows of a job, and whether its fact still waits to be told. */
async function told(job: string): Promise<[known: boolean, waits: boolean]> {
  const row = await projected(context, job);
  return [row !== undefined, (await pending()) > 0];
}

test("a relay killed between any two of its steps loses no fact and tells none twice", async (t) => {
  // Nothing told, or told and not yet marked, or both: by the point at which it was killed.
  const expected: Record<(typeof RELAY_POINTS)[number], [boolean, boolean]> = {
    "before the relay reads": [false, true],
    "facts read": [false, true],
    "metadata written, not committed": [false, true],
    "metadata committed, facts not marked": [true, true],
    "facts marked, not committed": [true, true],
    relayed: [true, false],
  };
  const hands = await Promise.all(RELAY_POINTS.map(() => startHand(t, context)));
  const jobs: string[] = [];
  for (const [index, at] of RELAY_POINTS.entries()) {
    const hand = hands[index];
    assert.ok(hand);
    await hand.ready;
    // Born as by a process that was killed between its commit and its relay.
    const job = await submitScript(context, scientist, { relay: false });
    jobs.push(job);
    hand.tell({ do: "die", at, skip: 0 });
    hand.tell({ do: "relay", org_id: org.org_id });
    await dies(hand);
    // The server notices a dead client by itself; what it had not committed is gone.
    await until("its transaction to end", async () => {
      const [open] = await context.superuser<{ open: number }>(
        `SELECT count(*) AS open FROM pg_stat_activity
         WHERE application_name LIKE '% test ' || $1 AND state <> 'idle'`,
        [String(hand.pid)],
      );
      return open?.open === 0;
    });
    assert.deepEqual(await told(job), expected[at], at);
    await context.results.relay(org.org_id);
    assert.deepEqual(await told(job), [true, false], `${at}, and again`);
    assert.equal((await queueOf(context, org.org_id)).filter((row) => row.job_id === job).length, 1, at);
    t.diagnostic(`relay killed: ${at}`);
  }
  startWorker(t, context);
  await settled(context, { jobs });
});

test("a process killed between a commit and its relay: the reconciler of another one tells it", async (t) => {
  const job = await submitScript(context, scientist, { relay: false });
  assert.deepEqual(await told(job), [false, true]);
  const hand = await startHand(t, context);
  await hand.ready;
  hand.tell({ do: "work" });
  await settled(context, { jobs: [job] });
});

test("two relays at once: the second waits for the first, and each fact is taken once", async (t) => {
  const hands = [await startHand(t, context), await startHand(t, context)] as const;
  await Promise.all(hands.map((hand) => hand.ready));
  const before = await context.superuser("SELECT 1 FROM audit_logs");
  const jobs = [];
  for (let n = 0; n < 3; n++) jobs.push(await submitScript(context, scientist, { relay: false }));
  hands[0].tell({ do: "hang", at: "metadata committed, facts not marked" });
  const hangs = hands[0].says("hangs");
  hands[0].tell({ do: "relay", org_id: org.org_id });
  await hangs;
  // The first has told and not marked. The second must not read the same facts meanwhile.
  const second = hands[1].says("relayed");
  hands[1].tell({ do: "relay", org_id: org.org_id });
  await until("the second to wait at the lock", async () => {
    const rows = await context.superuser(
      "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
    );
    return rows.length > 0;
  });
  const first = hands[0].says("relayed");
  hands[0].tell({ do: "go on" });
  assert.deepEqual(
    [await first, await second],
    [
      { said: "relayed", error: null },
      { said: "relayed", error: null },
    ],
  );
  assert.equal(await pending(), 0);
  assert.equal((await queueOf(context, org.org_id)).length, 3);
  assert.equal((await context.superuser("SELECT 1 FROM audit_logs")).length, before.length);
  startWorker(t, context);
  await settled(context, { jobs });
});

test("facts told again after later ones change nothing", async (t) => {
  startWorker(t, context);
  const job = await submit(context, scientist);
  await settled(context, { jobs: [job] });
  const [state] = await context.superuser("SELECT * FROM jobs_meta WHERE job_id = $1", [job]);
  // All but the last of what was told of the job: that it runs, after it was told that it completed.
  const again = await context.superuser(
    `UPDATE outbox SET relayed_at = NULL WHERE topic <> 'audit' AND payload::text LIKE '%' || $1 || '%'
       AND outbox_id < (SELECT max(outbox_id) FROM outbox WHERE topic <> 'audit' AND payload::text LIKE '%' || $1 || '%')
     RETURNING outbox_id`,
    [job],
    org.database_name,
  );
  assert.ok(again.length >= 2, "its birth and its start");
  await relayOrg(context.metadata, context.results, org.org_id);
  assert.deepEqual(await context.superuser("SELECT * FROM jobs_meta WHERE job_id = $1", [job]), [state]);
  await settled(context, { jobs: [job], audited: [{ action: "jobs.submit", job_id: job }] });
  assert.deepEqual(await checkInvariants(context), []);
});
