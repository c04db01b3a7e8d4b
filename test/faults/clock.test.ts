import assert from "node:assert/strict";
import { test } from "node:test";
import { checkInvariants } from "../support/invariants.ts";
import { ended, jobState, openLab, queueOf, until } from "../support/worker.ts";
import { startHand } from "./support/crew.ts";
import { gated } from "./support/scripts.ts";
import { submit } from "./support/submit.ts";
import { tidy } from "./support/tidy.ts";

const MINUTES = 60_000;

for (const [where, clock_ms] of [
  ["ahead of", 17 * MINUTES],
  ["behind", -17 * MINUTES],
] as const) {
  test(`a worker whose clock is minutes ${where} the database's computes as any other, without a pause or a lost lease`, async (t) => {
    const all = tidy(t);
    const { context, org, scientist } = await openLab(all);
    const jobs: string[] = [];
    for (let n = 0; n < 2; n++) jobs.push(await submit(context, scientist, { graph: { a: [], b: ["a"] } }));
    const slow = await submit(context, scientist, { script: "sleep 2.5; echo -1" });
    const hands = [await startHand(all, context, { clock_ms, lease_seconds: 1, slots: 3 })];
    for (const hand of hands) {
      await hand.ready;
      hand.tell({ do: "work" });
    }
    // No pause is skipped here: a next task that may be had in 17 minutes would be waited for in vain.
    await until(
      "all to be done",
      async () =>
        (await queueOf(context, org.org_id)).length === 0 && (await checkInvariants(context)).length === 0,
      20_000,
    ).catch(() => {});
    assert.deepEqual(await checkInvariants(context, { jobs: [...jobs, slow] }), []);
    for (const job of [...jobs, slow]) {
      const { executions } = await jobState(context, org.org_id, job);
      assert.ok(executions.every(({ status, attempt }) => status === "completed" && attempt === 1));
    }
  });
}

for (const clock_ms of [60 * MINUTES, -60 * MINUTES])
  test(`a worker whose clock steps ${clock_ms > 0 ? "on" : "back"} an hour while a program runs keeps its lease, and goes on at once`, {
    skip: process.platform === "linux" ? false : "needs /proc",
  }, async (t) => {
    const all = tidy(t);
    const { context, org, scientist } = await openLab(all);
    const gate = gated(context);
    const jobs = [await submit(context, scientist, { script: gate.script })];
    const hand = await startHand(all, context, { lease_seconds: 1, slots: 2 });
    await hand.ready;
    hand.tell({ do: "work" });
    await gate.pid();
    hand.tell({ do: "step", clock_ms });
    // What comes after the step goes all its way while the first one's lease is renewed several times.
    for (let n = 0; n < 3; n++) jobs.push(await submit(context, scientist, { graph: { a: [], b: ["a"] } }));
    for (const job of jobs.slice(1)) {
      const { status } = await ended(context, org.org_id, job, 20_000);
      assert.equal(status, "completed");
    }
    await gate.open();
    await until(
      "all to be done",
      async () => (await checkInvariants(context, { jobs })).length === 0,
      20_000,
    ).catch(() => {});
    assert.deepEqual(await checkInvariants(context, { jobs }), []);
    for (const job of jobs) {
      const { executions } = await jobState(context, org.org_id, job);
      assert.ok(executions.every(({ status, attempt }) => status === "completed" && attempt === 1));
    }
  });
