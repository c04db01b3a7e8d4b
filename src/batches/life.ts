import type { ResultsScope, ResultsTx } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { logEvents } from "../events/log.ts";
import { cancelJobs } from "../jobs/change.ts";
import { laterRanks } from "../jobs/ranks.ts";
import { insertEvents, type LockedJob, lockJobs, updateJobs } from "../jobs/store.ts";
import { type Fact, insertOutbox } from "../outbox.ts";
import { ownBatch } from "./create.ts";
import { endEvent } from "./end.ts";
import { type ReadyTask, selectOpenJobIds, selectReadyTasks } from "./life-store.ts";
import { selectCounts } from "./progress-store.ts";
import { BATCH_ENDED, type BatchStatus, NO_COUNTS } from "./schema.ts";
import { type Batch, lockGate, updateBatch } from "./store.ts";

export type Changed = { batch_id: string; status: BatchStatus; jobs: number };

/**
 * No more jobs of a batch begin: none is made, and those that wait leave the queue. What runs goes on. Pausing
 * twice changes nothing. Throws AppError not_found, forbidden, conflict (it has ended).
 */
export async function pauseBatch(scope: ResultsScope, batch_id: string): Promise<Changed> {
  const batch = await heldBatch(scope, batch_id, "paused");
  if (batch.status === "paused") return { batch_id, status: "paused", jobs: 0 };
  const { tx } = scope;
  const jobs = await lockOpenJobs(tx, batch_id, "queued");
  const ready = await selectReadyTasks(tx, idsOf(jobs));
  const facts = await moveJobs(tx, jobs, "pending", "its batch is paused");
  await updateBatch(tx, batch_id, { status: "paused" });
  const gone = ready.map(
    ({ job_id, task_name, fence }): Fact => ({ topic: "task_gone", payload: { job_id, task_name, fence } }),
  );
  await insertOutbox(tx, [...facts, ...gone]);
  return { batch_id, status: "paused", jobs: jobs.length };
}

/** Goes on with a paused batch; one that is not paused is left as it is. Throws AppError as `pauseBatch`. */
export async function resumeBatch(scope: ResultsScope, batch_id: string): Promise<Changed> {
  const batch = await heldBatch(scope, batch_id, "resumed");
  if (batch.status !== "paused") return { batch_id, status: batch.status, jobs: 0 };
  const { tx } = scope;
  const jobs = await lockOpenJobs(tx, batch_id, "pending");
  const ready = await selectReadyTasks(tx, idsOf(jobs));
  // Before they are queued again: their own old ranks must not count.
  const ranks = await laterRanks(tx, jobs, ready);
  const facts = await moveJobs(tx, jobs, "queued", "its batch goes on", ranks);
  const status = batch.started_at === null ? "pending" : "in_progress";
  await updateBatch(tx, batch_id, { status });
  await insertOutbox(tx, [...facts, ...readyFacts(jobs, ready, ranks)]);
  return { batch_id, status, jobs: jobs.length };
}

/**
 * Ends a batch: jobs that wait never run, what runs loses its lease and is stopped within a heartbeat, items
 * that have no job yet are left out (after this, in portions). `user_id` is whoever asks. Cancelling twice changes nothing. Throws AppError
 * as `pauseBatch`.
 */
export async function cancelBatch(scope: ResultsScope, batch_id: string, user_id: string): Promise<Changed> {
  const batch = await heldBatch(scope, batch_id, "cancelled");
  if (batch.status === "cancelled") return { batch_id, status: "cancelled", jobs: 0 };
  const { tx } = scope;
  const jobs = await cancelJobs(tx, await selectOpenJobIds(tx, batch_id), {
    event: "with its batch",
    item: { code: "cancelled", message: "its batch was cancelled" },
  });
  const now = new Date().toISOString();
  const sealed = batch.sealed_at === null ? { sealed_at: now } : {};
  await updateBatch(tx, batch_id, { status: "cancelled", ended_at: now, ...sealed });
  const counts = (await selectCounts(tx, [batch_id])).get(batch_id) ?? NO_COUNTS;
  const event = endEvent(batch, { status: "cancelled", counts, ended_at: now });
  // A person tells of oneself alone: an admin's entry about somebody's private batch is the admins' to see.
  const private_to = event.private_to == null ? null : user_id;
  await logEvents(tx, [{ ...event, user_id, private_to }]);
  return { batch_id, status: "cancelled", jobs: jobs.length };
}

/** A batch under its gate that may still be changed so. */
async function heldBatch(scope: ResultsScope, batchId: string, to: string): Promise<Batch> {
  await lockGate(scope.tx, batchId);
  const batch = await ownBatch(scope, batchId);
  if (BATCH_ENDED.includes(batch.status) && batch.status !== to)
    throw new AppError("conflict", `this batch is ${batch.status}: it can't be ${to}`);
  return batch;
}

/** Open jobs of a batch in one state, under lock in the order of their ids. */
async function lockOpenJobs(
  tx: ResultsTx,
  batchId: string,
  status: "queued" | "pending",
): Promise<LockedJob[]> {
  const jobs = await lockJobs(tx, await selectOpenJobIds(tx, batchId));
  return jobs.filter((job) => job.status === status);
}

const idsOf = (jobs: LockedJob[]) => jobs.map(({ job_id }) => job_id);

/** Gives locked jobs another state, each with its event, and returns the facts. */
async function moveJobs(
  tx: ResultsTx,
  jobs: LockedJob[],
  status: "pending" | "queued",
  detail: string,
  ranks: ReadonlyMap<string, number> = new Map(),
): Promise<Fact[]> {
  await insertEvents(
    tx,
    jobs.map(({ job_id, seq }) => ({ job_id, seq_no: seq + 1, event: status, detail })),
  );
  const facts = await updateJobs(
    tx,
    jobs.map((job) => ({ job, status, seq: job.seq + 1, rank: ranks.get(job.job_id) ?? job.rank })),
  );
  return facts.map((payload): Fact => ({ topic: "job", payload }));
}

/** What the queue is told of tasks that are ready again. */
function readyFacts(jobs: LockedJob[], ready: ReadyTask[], ranks: ReadonlyMap<string, number>): Fact[] {
  const byId = new Map(jobs.map((job) => [job.job_id, job]));
  return ready.flatMap((task): Fact[] => {
    const job = byId.get(task.job_id);
    if (job === undefined) return [];
    const rank = ranks.get(job.job_id) ?? job.rank;
    return [{ topic: "task_ready", payload: { ...task, priority: job.priority, rank } }];
  });
}
