import { settleItems } from "../batches/settle.ts";
import { lockGate } from "../batches/store.ts";
import type { ResultsScope, ResultsTx } from "../db/results.ts";
import { AppError, RETRYABLE_KINDS } from "../errors.ts";
import { type Fact, insertOutbox } from "../outbox.ts";
import {
  cancelTasks,
  reviveTasks,
  selectBatchStatus,
  selectError,
  selectOptionalBelonging,
  selectRetries,
} from "./change-store.ts";
import { laterRanks } from "./ranks.ts";
import { type JobStatus, TERMINAL } from "./schema.ts";
import { insertEvents, type LockedJob, lockJobs, lockOptionalJob, updateJobs } from "./store.ts";
import { wakeWaiting } from "./waking-store.ts";

export type Changed = { job_id: string; status: JobStatus };

/**
 * Cancels a job: what waits never runs, what runs loses its lease and is stopped within a heartbeat.
 * Cancelling a cancelled job changes nothing. Throws AppError not_found, forbidden, conflict (it has ended).
 */
export async function cancelJob(scope: ResultsScope, jobId: string): Promise<Changed> {
  const job = await lockOwnJob(scope.tx, jobId);
  if (job.status === "cancelled") return { job_id: jobId, status: "cancelled" };
  if (TERMINAL.includes(job.status))
    throw new AppError("conflict", `this job is ${job.status}: there is nothing to cancel`);
  await cancelJobs(scope.tx, [jobId]);
  return { job_id: jobId, status: "cancelled" };
}

/**
 * Cancels those of these jobs that have not ended, in a few statements whatever their number, with the reason in
 * their event. Returns them as they were. Jobs that ended, or that the caller may not change, are left alone.
 */
export async function cancelJobs(
  tx: ResultsTx,
  jobIds: string[],
  reason: { event?: string; item?: { code: string; message: string } } = {},
): Promise<LockedJob[]> {
  const jobs = (await lockJobs(tx, jobIds)).filter(({ status }) => !TERMINAL.includes(status));
  if (jobs.length === 0) return [];
  const { tasks, signatures } = await cancelTasks(
    tx,
    jobs.map((job) => job.job_id),
  );
  const detail = reason.event === undefined ? {} : { detail: reason.event };
  await insertEvents(
    tx,
    jobs.map(({ job_id, seq }) => ({ job_id, seq_no: seq + 1, event: "cancelled", ...detail })),
  );
  const ended_at = new Date().toISOString();
  const facts = await updateJobs(
    tx,
    jobs.map((job) => ({ job, status: "cancelled", seq: job.seq + 1, timings: { ended_at } })),
  );
  // Identical tasks that waited for one of these, as far as the canceller may write them; others look for themselves.
  const woken = await wakeWaiting(
    tx,
    signatures.map((signature) => ({ signature, answers: false })),
  );
  const error = reason.item ?? { code: "cancelled", message: "its job was cancelled" };
  await settleItems(
    tx,
    jobs.flatMap(({ job_id, batch_id }) =>
      batch_id === null ? [] : [{ job_id, status: "skipped" as const, error }],
    ),
  );
  await insertOutbox(tx, [
    ...facts.map((payload): Fact => ({ topic: "job", payload })),
    ...tasks.map((payload): Fact => ({ topic: "task_gone", payload })),
    ...woken.map((payload): Fact => ({ topic: "task_ready", payload })),
  ]);
  return jobs;
}

/**
 * Runs what failed of a job again, with as many attempts as a new one has. Completed tasks stay as they
 * are, and what comes after goes on waiting. Throws AppError not_found, forbidden, conflict (only a failed job is
 * retried, none of a batch that is paused or cancelled, and unless that is forced none that would fail the same way).
 */
export async function retryJob(
  scope: ResultsScope,
  jobId: string,
  { force = false }: { force?: boolean } = {},
): Promise<Changed> {
  // Before the job's row, as whoever cancels or pauses its batch takes them, and to the end: what is read holds then.
  const batchId = (await selectOptionalBelonging(scope.tx, jobId))?.batch_id ?? null;
  if (batchId !== null) await lockGate(scope.tx, batchId);
  const job = await lockOwnJob(scope.tx, jobId);
  if (job.status !== "failed") {
    throw new AppError(
      "conflict",
      `this job is ${job.status}: only a failed one is retried (\`job.submit\` makes a new one)`,
    );
  }
  const batch = job.batch_id === null ? undefined : await selectBatchStatus(scope.tx, job.batch_id);
  if (batch === "paused" || batch === "cancelled") {
    const way = batch === "paused" ? "resume it first" : "`job.submit` makes a new job of it";
    throw new AppError("conflict", `this job's batch is ${batch}, and nothing of it runs again: ${way}`);
  }
  const { code, kind } = await selectError(scope.tx, jobId);
  if (!force && !RETRYABLE_KINDS.includes(kind))
    throw new AppError(
      "conflict",
      `this job failed with ${code} and would again: submit it anew with another input, or say \`force\` to run it all the same`,
    );
  await retryJobs(scope.tx, [jobId]);
  return { job_id: jobId, status: "queued" };
}

/** The same for those of these jobs that failed; the others are left alone. Returns them as they were. */
export async function retryJobs(tx: ResultsTx, jobIds: string[]): Promise<LockedJob[]> {
  const jobs = (await lockJobs(tx, jobIds)).filter(({ status }) => status === "failed");
  if (jobs.length === 0) return [];
  const ids = jobs.map((job) => job.job_id);
  const tasks = await reviveTasks(tx, ids);
  const ranks = await laterRanks(tx, jobs, tasks);
  const before = await selectRetries(tx, ids);
  const retried = (job: LockedJob) => (before.get(job.job_id) ?? 0) + 1;
  await insertEvents(
    tx,
    jobs.map((job) => ({
      job_id: job.job_id,
      seq_no: job.seq + 1,
      event: "queued",
      detail: "retry",
      metadata: { retried: retried(job) },
    })),
  );
  const facts = await updateJobs(
    tx,
    jobs.map((job) => ({
      job,
      status: "queued",
      seq: job.seq + 1,
      rank: ranks.get(job.job_id) ?? job.rank,
      error: null,
      metrics: { retried: retried(job) },
    })),
  );
  await settleItems(
    tx,
    jobs.flatMap(({ job_id, batch_id }) =>
      batch_id === null ? [] : [{ job_id, status: "processing" as const }],
    ),
  );
  const byId = new Map(jobs.map((job) => [job.job_id, job]));
  const ready = tasks.flatMap((task): Fact[] => {
    const job = byId.get(task.job_id);
    if (job === undefined) return [];
    return [
      {
        topic: "task_ready",
        payload: { ...task, priority: job.priority, rank: ranks.get(job.job_id) ?? job.rank },
      },
    ];
  });
  await insertOutbox(tx, [...facts.map((payload): Fact => ({ topic: "job", payload })), ...ready]);
  return jobs;
}

/** The job under lock. Missing and invisible are the same; a visible job of somebody else is forbidden. */
async function lockOwnJob(tx: ResultsTx, jobId: string): Promise<LockedJob> {
  const job = await lockOptionalJob(tx, jobId);
  if (job !== undefined) return job;
  if ((await selectOptionalBelonging(tx, jobId)) === undefined)
    throw new AppError("not_found", "no such job");
  throw new AppError("forbidden", "this job is somebody else's: only its owner or an admin may change it");
}
