import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { person } from "../../test/support/context.ts";
import { submitScript } from "../../test/support/engine.ts";
import {
  claimAndStart,
  jobState,
  leaseOf,
  openLab,
  projected,
  queueOf,
  record,
} from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { perform } from "../perform.ts";
import { failTask } from "../worker/fail.ts";
import { cancelJobs, retryJobs } from "./change.ts";
import { cancelJobOperation, jobEvents, jobStates, retryJobOperation, showJob } from "./operations.ts";

const { context, org, scientist, clear } = await openLab({ after });
beforeEach(clear);

const GRAPH = { a: [], b: ["a"], c: ["a"], d: ["b", "c"] };
const tasksOf = async (job: string) =>
  Object.fromEntries(
    (await jobState(context, org.org_id, job)).tasks.map((task) => [task.task_name, task.status]),
  );
const isDense = (events: { seq_no: number }[], seq: number) =>
  assert.deepEqual(
    events.map((event) => event.seq_no),
    Array.from({ length: seq }, (_, index) => index + 1),
  );

/** Claims and starts what is next, and fails it for good. */
async function failNext(): Promise<string> {
  const run = await claimAndStart(context);
  await context.results.forLease(leaseOf(run.claim), (scope) =>
    failTask(scope, run.claim, run.started, {
      error: new AppError("engine_refused", "it won't"),
      logs_uri: null,
    }),
  );
  await context.results.relay(org.org_id);
  return run.claim.task_name;
}

test("a retry runs what failed and what follows, not what completed, and counts", async () => {
  const job = await submitScript(context, scientist, { graph: GRAPH });
  await record(context, await claimAndStart(context));
  await context.results.relay(org.org_id);
  const failed = [await failNext(), await failNext()].toSorted();
  assert.deepEqual(failed, ["b", "c"]);
  assert.deepEqual(await tasksOf(job), { a: "completed", b: "failed", c: "failed", d: "waiting" });
  assert.deepEqual(await queueOf(context, org.org_id), []);
  for (const count of [1, 2]) {
    await perform(context, retryJobOperation, scientist, { job_id: job, force: true });
    assert.deepEqual(await tasksOf(job), { a: "completed", b: "ready", c: "ready", d: "waiting" });
    const { metrics } = await perform(context, showJob, scientist, { job_id: job });
    assert.equal((metrics as { retried?: number }).retried, count);
    if (count === 1) await Promise.all([failNext(), failNext()]);
  }
  for (let n = 0; n < 3; n++) {
    await record(context, await claimAndStart(context));
    await context.results.relay(org.org_id);
  }
  const end = await jobState(context, org.org_id, job);
  assert.equal(end.status, "completed");
  isDense(end.events, end.seq);
  assert.equal((await projected(context, job))?.status, "completed");
});

test("many jobs are cancelled and retried at once; what ended or is another's is left alone", async () => {
  const mine = [
    await submitScript(context, scientist, { graph: GRAPH }),
    await submitScript(context, scientist),
  ];
  const theirs = await submitScript(context, await person(context, org, "scientist"));
  const all = [...mine, theirs];
  const cancelled = await context.results.transact(scientist, ({ tx }) => cancelJobs(tx, all));
  assert.deepEqual(cancelled.map((job) => job.job_id).toSorted(), mine.toSorted());
  assert.deepEqual(await context.results.transact(scientist, ({ tx }) => cancelJobs(tx, all)), []);
  assert.deepEqual(await context.results.transact(scientist, ({ tx }) => retryJobs(tx, all)), []);
  await context.results.relay(org.org_id);
  assert.deepEqual(
    (await queueOf(context, org.org_id)).map((row) => row.job_id),
    [theirs],
  );
  const state = await jobState(context, org.org_id, mine[0] ?? "");
  assert.deepEqual(new Set(state.tasks.map((task) => task.status)), new Set(["cancelled"]));
  isDense(state.events, state.seq);
});

test("of a cancel and a record at the same time one wins, and all agree on it", async () => {
  for (let round = 0; round < 6; round++) {
    const job = await submitScript(context, scientist);
    const run = await claimAndStart(context);
    const ends = await Promise.allSettled([
      record(context, run),
      perform(context, cancelJobOperation, scientist, { job_id: job }),
    ]);
    const state = await jobState(context, org.org_id, job);
    assert.ok(["completed", "cancelled"].includes(state.status), state.status);
    assert.deepEqual(
      ends.map((end) => end.status),
      state.status === "completed" ? ["fulfilled", "rejected"] : ["rejected", "fulfilled"],
    );
    assert.equal(state.tasks[0]?.status, state.status);
    assert.equal(state.executions[0]?.status, state.status);
    isDense(state.events, state.seq);
    await context.results.relay(org.org_id);
    assert.equal((await projected(context, job))?.status, state.status);
  }
});

test("events of several jobs come each after the one that is known, and states with them", async () => {
  const [one, two] = [await submitScript(context, scientist), await submitScript(context, scientist)];
  await perform(context, cancelJobOperation, scientist, { job_id: two });
  const read = (after?: number[]) =>
    perform(context, jobEvents, scientist, {
      job_ids: [one, two],
      ...(after === undefined ? {} : { after }),
    });
  const first = await read();
  const told = ({ items }: typeof first) => items.map((row) => `${row.job_id === one ? 1 : 2} ${row.event}`);
  assert.deepEqual(told(first).toSorted(), ["1 submitted", "2 cancelled", "2 submitted"]);
  assert.deepEqual(told(await read([1, 1])), ["2 cancelled"]);
  assert.deepEqual(told(await read([1, 2])), []);
  assert.deepEqual(first.jobs.find((job) => job.job_id === two)?.status, "cancelled");
  const hidden = await submitScript(context, scientist, { visibility: "private" });
  const colleague = await person(context, org, "scientist");
  const { items: states } = await perform(context, jobStates, colleague, { job_ids: [two, hidden] });
  assert.deepEqual(states, [{ job_id: two, status: "cancelled" }]);
  await assert.rejects(
    perform(context, jobEvents, colleague, { job_ids: [one, hidden] }),
    (error: unknown) => error instanceof AppError && error.kind === "not_found",
  );
});

test("a retried job comes back behind what others queued meanwhile, not with its place of long ago", async () => {
  const old = await submitScript(context, scientist);
  await failNext();
  await context.superuser("UPDATE jobs SET rank = 5 WHERE job_id = $1", [old], org.database_name);
  const colleague = await person(context, org, "scientist");
  const theirs = await submitScript(context, colleague);
  await perform(context, retryJobOperation, scientist, { job_id: old, force: true });
  await context.results.relay(org.org_id);
  const ranks = await context.superuser<{ job_id: string; rank: number }>(
    "SELECT job_id, rank FROM task_queue WHERE org_id = $1",
    [org.org_id],
  );
  const of = (job: string) => ranks.find((row) => row.job_id === job)?.rank ?? 0;
  assert.ok(of(old) >= of(theirs), JSON.stringify(ranks));
  const [kept] = await context.superuser<{ rank: number }>(
    "SELECT rank FROM jobs WHERE job_id = $1",
    [old],
    org.database_name,
  );
  assert.equal(kept?.rank, of(old));
});

test("no job of a paused or cancelled batch is retried alone, and an answer says what to do", async () => {
  const job = await submitScript(context, scientist);
  await failNext();
  const change = (text: string) => context.superuser(text, [job], org.database_name);
  await change(`WITH b AS (INSERT INTO batch_jobs (spec_hash, name, status, owner_id, total_items)
      SELECT spec_hash, 'b', 'paused', owner_id, 1 FROM jobs WHERE job_id = $1 RETURNING batch_id)
    UPDATE jobs SET batch_id = (SELECT batch_id FROM b) WHERE job_id = $1`);
  const retry = () => perform(context, retryJobOperation, scientist, { job_id: job, force: true });
  await assert.rejects(retry(), { kind: "conflict", message: /paused, .*: resume it first/ });
  await change("UPDATE jobs SET batch_id = NULL WHERE job_id = $1");
  await retry();
});

test("events of a job come by their numbers also where their times do not", async () => {
  const job = await submitScript(context, scientist);
  await context.superuser(
    "INSERT INTO job_events (job_id, seq_no, event, ts) SELECT $1, n, 'queued', now() - n * interval '1 minute' FROM generate_series(2, 4) n",
    [job],
    org.database_name,
  );
  isDense((await perform(context, jobEvents, scientist, { job_ids: [job] })).items, 4);
});
