import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { submitScript } from "../../test/support/engine.ts";
import { rounds } from "../../test/support/rounds.ts";
import {
  claimAndStart,
  claimOne,
  expireLeases,
  jobState,
  leaseOf,
  openLab,
  queueOf,
  record,
  skipBackoff,
  start,
  sweepWithoutPause,
} from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { cancelJob, retryJob } from "../jobs/change.ts";
import { type Claim, dropClaims, releaseClaims } from "../queue/claims-store.ts";
import type { Started } from "./facts.ts";
import { failTask } from "./fail.ts";
import { giveBackTask } from "./give-back.ts";

const { context, org, scientist, clear } = await openLab({ after });
beforeEach(clear);

const state = (job: string) => jobState(context, org.org_id, job);
const relay = () => context.results.relay(org.org_id);

function fail(run: { claim: Claim; started: Started }, error: AppError): Promise<boolean> {
  return context.results.forLease(leaseOf(run.claim), (scope) =>
    failTask(scope, run.claim, run.started, { error, logs_uri: null }),
  );
}

async function startAgain(job: string): Promise<{ claim: Claim; started: Started }> {
  await expireLeases(context, job);
  await sweepWithoutPause(context);
  return claimAndStart(context);
}

function cancel(job: string): Promise<unknown> {
  return context.results.transact(scientist, (scope) => cancelJob(scope, job));
}

const crash = new AppError("crashed", "it crashed");
const lostLease = (error: unknown) => error instanceof AppError && error.kind === "lost_lease";

test("a start counts the attempt, opens an execution and turns the job running", async () => {
  const job = await submitScript(context, scientist);
  const { claim, started } = await claimAndStart(context);
  assert.equal(started.attempt, 1);
  const { status, tasks, executions, events } = await state(job);
  assert.equal(status, "running");
  assert.deepEqual(tasks, [{ task_name: "run", status: "running", attempt: 1, fence: claim.fence }]);
  assert.deepEqual(executions, [{ attempt: 1, status: "running", error_kind: null }]);
  assert.deepEqual(events, [
    { seq_no: 1, event: "submitted" },
    { seq_no: 2, event: "started" },
  ]);
});

test("the same claim starts a task once", async () => {
  const job = await submitScript(context, scientist);
  const { claim } = await claimAndStart(context);
  assert.deepEqual(await start(context, claim), { kind: "newer", fence: claim.fence });
  assert.equal((await state(job)).tasks[0]?.attempt, 1);
});

test("a second start marks the first execution lost; the stale worker records nothing and is told so", async () => {
  const job = await submitScript(context, scientist);
  const stale = await claimAndStart(context);
  const fresh = await startAgain(job);
  assert.equal(fresh.started.attempt, 2);
  await assert.rejects(record(context, stale), lostLease);
  assert.equal(await fail(stale, crash), false, "nor can it fail the task");
  const before = await state(job);
  assert.deepEqual(before.executions, [
    { attempt: 1, status: "lost", error_kind: "lost_lease" },
    { attempt: 2, status: "running", error_kind: null },
  ]);
  assert.equal(before.status, "running");
  await record(context, fresh);
  const { status, executions, events } = await state(job);
  assert.equal(status, "completed");
  assert.deepEqual(
    executions.map((row) => row.status),
    ["lost", "completed"],
  );
  assert.deepEqual(
    events.map((row) => row.event),
    ["submitted", "started", "lost", "started", "task_completed", "completed"],
  );
});

test("a stale worker whose engine wrote rows leaves none of them", async () => {
  const job = await submitScript(context, scientist);
  const stale = await claimAndStart(context);
  await startAgain(job);
  let written = false;
  const writing = record(context, stale, async () => {
    written = true;
    throw new Error("never reached");
  });
  await assert.rejects(writing, lostLease);
  assert.equal(written, false, "the guard comes before the engine's rows");
});

test("of two workers that record the same start at once, one records and the other is refused", async () => {
  const job = await submitScript(context, scientist);
  const run = await claimAndStart(context);
  const ends = await Promise.allSettled([record(context, run), record(context, run), record(context, run)]);
  assert.deepEqual(ends.map((end) => end.status).toSorted(), ["fulfilled", "rejected", "rejected"]);
  const { events, executions } = await state(job);
  assert.equal(events.filter((row) => row.event === "completed").length, 1);
  assert.equal(executions.length, 1);
  const results = await context.superuser(
    "SELECT 1 FROM task_results WHERE job_id = $1",
    [job],
    org.database_name,
  );
  assert.equal(results.length, 1);
});

test("recording is all or nothing: an engine that fails while it writes leaves the task running", async () => {
  const job = await submitScript(context, scientist);
  const run = await claimAndStart(context);
  await relay();
  const before = await state(job);
  const failing = record(context, run, async (tx) => {
    await tx
      .insertInto("protocols")
      .values({ params_hash: "f".repeat(64), task: "x", program: "x", program_version: "1", params: "{}" })
      .execute();
    throw new Error("the disk is full");
  });
  await assert.rejects(failing, /disk is full/);
  assert.deepEqual(await state(job), before);
  const left = await context.superuser<{ protocols: number; facts: number }>(
    `SELECT (SELECT count(*) FROM protocols WHERE params_hash = $1) AS protocols,
      (SELECT count(*) FROM outbox WHERE relayed_at IS NULL) AS facts`,
    ["f".repeat(64)],
    org.database_name,
  );
  assert.deepEqual(left, [{ protocols: 0, facts: 0 }]);
});

test("a crash is tried again after a back-off until the attempts are used up, then the job fails with the reason", async () => {
  const job = await submitScript(context, scientist, { max_attempts: 3 });
  for (const attempt of [1, 2]) {
    const run = await claimAndStart(context);
    assert.equal(run.started.attempt, attempt);
    assert.equal(await fail(run, crash), true);
    await relay();
    assert.equal((await state(job)).tasks[0]?.status, "ready");
    const [row] = await queueOf(context, org.org_id);
    assert.equal(row?.lease_owner, null);
    assert.ok(Date.parse(row?.available_at ?? "") > Date.now(), "not before its back-off");
    await skipBackoff(context, job);
  }
  assert.equal(await fail(await claimAndStart(context), crash), true);
  await relay();
  const { status, error, executions, events } = await state(job);
  assert.equal(status, "failed");
  assert.deepEqual([error?.code, error?.message], ["crashed", "it crashed"]);
  assert.deepEqual(
    executions.map((row) => row.status),
    ["failed", "failed", "failed"],
  );
  assert.deepEqual(
    events.map((row) => row.seq_no),
    events.map((_, index) => index + 1),
  );
  assert.deepEqual(await queueOf(context, org.org_id), []);
});

for (const kind of ["bad_input", "engine_refused"] as const) {
  test(`${kind} is final at the first attempt`, async () => {
    const job = await submitScript(context, scientist, { max_attempts: 3 });
    await fail(
      await claimAndStart(context),
      new AppError(kind, "an odd number of electrons", { code: "electron_parity" }),
    );
    await relay();
    const { status, error, tasks } = await state(job);
    assert.equal(status, "failed");
    assert.equal(error?.code, "electron_parity");
    assert.equal(tasks[0]?.attempt, 1);
    assert.deepEqual(await queueOf(context, org.org_id), []);
  });
}

test("a job cancelled in the queue leaves it, and never starts where it was claimed just before", async () => {
  const waiting = await submitScript(context, scientist);
  await cancel(waiting);
  await relay();
  assert.deepEqual(await queueOf(context, org.org_id), []);
  const job = await submitScript(context, scientist);
  const claim = (await claimOne(context)) as Claim;
  await cancel(job);
  await relay();
  assert.deepEqual(await start(context, claim), { kind: "gone" });
  await dropClaims(context.metadata, [claim]);
  assert.deepEqual(await queueOf(context, org.org_id), []);
  const { status, executions, tasks } = await state(job);
  assert.equal(status, "cancelled");
  assert.deepEqual(executions, []);
  assert.equal(tasks[0]?.status, "cancelled");
});

test("a job cancelled while it runs stays cancelled whatever its worker says", async () => {
  const job = await submitScript(context, scientist);
  const run = await claimAndStart(context);
  await cancel(job);
  await assert.rejects(record(context, run), lostLease);
  assert.equal(await fail(run, crash), false);
  await cancel(job);
  const { status, executions, events } = await state(job);
  assert.equal(status, "cancelled");
  assert.deepEqual(
    executions.map((row) => row.status),
    ["cancelled"],
  );
  assert.equal(events.filter((row) => row.event === "cancelled").length, 1, "cancelling twice is once");
});

test("cancelled and recorded at the same moment: one of the two, whole, each time", async () => {
  const seen = new Set<string>();
  for (let n = 0; n < rounds(6, 40); n++) {
    const job = await submitScript(context, scientist);
    const run = await claimAndStart(context);
    // Started in turns, so that each of the two is first now and then.
    const both = n % 2 === 0 ? [cancel(job), record(context, run)] : [record(context, run), cancel(job)];
    const ends = await Promise.allSettled(both);
    assert.equal(ends.filter((end) => end.status === "fulfilled").length, 1);
    const { status, tasks, executions, events } = await state(job);
    assert.ok(status === "cancelled" || status === "completed");
    assert.equal(tasks[0]?.status, status);
    assert.deepEqual(
      executions.map((row) => row.status),
      [status],
    );
    assert.deepEqual(
      events.map((row) => row.seq_no),
      events.map((_, index) => index + 1),
    );
    seen.add(status);
  }
  assert.ok(seen.size >= 1);
});

test("a failed job runs again as the same job; completed and cancelled ones are never reopened", async () => {
  const job = await submitScript(context, scientist, { max_attempts: 1 });
  await fail(await claimAndStart(context), crash);
  await relay();
  const retry = (id: string) => context.results.transact(scientist, (scope) => retryJob(scope, id));
  assert.deepEqual(await retry(job), { job_id: job, status: "queued" });
  await relay();
  const run = await claimAndStart(context);
  assert.equal(run.claim.job_id, job);
  assert.equal(run.started.attempt, 2);
  await record(context, run);
  const { status, error, events } = await state(job);
  assert.deepEqual([status, error], ["completed", null]);
  assert.deepEqual(
    events.map((row) => row.seq_no),
    events.map((_, index) => index + 1),
  );
  await assert.rejects(retry(job), (thrown: AppError) => thrown.kind === "conflict");
  await assert.rejects(cancel(job), (thrown: AppError) => thrown.kind === "conflict");
  const cancelled = await submitScript(context, scientist);
  await cancel(cancelled);
  await assert.rejects(retry(cancelled), (thrown: AppError) => thrown.kind === "conflict");
});

test("in a graph a task becomes ready when the last one before it completes, and the job with the last of all", async () => {
  const job = await submitScript(context, scientist, {
    graph: { prepare: [], measure: [], compare: ["prepare", "measure"] },
  });
  const first = await claimAndStart(context);
  const second = await claimAndStart(context);
  assert.equal(await claimOne(context), undefined, "compare waits");
  assert.deepEqual([first, second].map((run) => run.claim.task_name).toSorted(), ["measure", "prepare"]);
  // At once: both count themselves off, and one of them finds that it was the last.
  await Promise.all([record(context, first), record(context, second)]);
  await relay();
  const middle = await state(job);
  assert.equal(middle.status, "running");
  assert.deepEqual(
    middle.tasks.map((task) => task.status),
    ["ready", "completed", "completed"],
  );
  const last = await claimAndStart(context);
  assert.equal(last.claim.task_name, "compare");
  await record(context, last);
  await relay();
  const end = await state(job);
  assert.equal(end.status, "completed");
  assert.deepEqual(
    end.events.map((row) => row.seq_no),
    end.events.map((_, index) => index + 1),
  );
  assert.deepEqual(await queueOf(context, org.org_id), []);
});

test("cancelling a graph leaves nothing that could still run", async () => {
  const job = await submitScript(context, scientist, { graph: { a: [], b: ["a"], c: ["b"] } });
  const run = await claimAndStart(context);
  await cancel(job);
  await relay();
  assert.deepEqual(
    (await state(job)).tasks.map((task) => task.status),
    ["cancelled", "cancelled", "cancelled"],
  );
  await assert.rejects(record(context, run), lostLease);
  assert.equal(await claimOne(context), undefined);
});

test("a job that was lost as often as it may be tried is not started for ever", {}, async () => {
  const job = await submitScript(context, scientist, { max_attempts: 2 });
  await claimAndStart(context);
  await startAgain(job);
  await expireLeases(context, job);
  await sweepWithoutPause(context);
  const claim = await claimOne(context);
  if (claim !== undefined) await start(context, claim);
  assert.equal((await state(job)).status, "failed");
});

test("a branch that still runs when another one fails can end", {}, async () => {
  const job = await submitScript(context, scientist, { graph: { a: [], b: [] }, max_attempts: 1 });
  const [one, two] = [await claimAndStart(context), await claimAndStart(context)];
  await fail(one, crash);
  await record(context, two);
  assert.equal((await state(job)).status, "failed");
});

test("a retry between an older claim's failure and a newer claim's start is not lost", async () => {
  const job = await submitScript(context, scientist);
  const first = await claimAndStart(context);
  await expireLeases(context, job);
  await sweepWithoutPause(context);
  const late = await claimOne(context);
  assert.ok(late);
  await fail(first, new AppError("engine_refused", "final"));
  assert.deepEqual(await start(context, late), { kind: "gone" });
  await context.results.transact(scientist, (scope) => retryJob(scope, job, { force: true }));
  await relay();
  await releaseClaims(context.metadata, [late], 0);
  await skipBackoff(context, job);
  const again = await claimAndStart(context);
  await record(context, again);
  assert.equal((await state(job)).status, "completed");
});

test("a worker told to end at once gives its task back, and the attempt is not held against it", async () => {
  const job = await submitScript(context, scientist, { max_attempts: 1 });
  const run = await claimAndStart(context);
  await context.results.forLease(leaseOf(run.claim), (scope) => giveBackTask(scope, run.claim, run.started));
  await relay();
  const again = await claimAndStart(context);
  assert.equal(again.started.attempt, 2);
  await record(context, again);
  assert.equal((await state(job)).status, "completed");
});
