import { sql } from "kysely";
import type { ResultsScope, ResultsTx } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { type Fact, insertOutbox } from "../outbox.ts";
import { type JobStatus, TERMINAL } from "./schema.ts";
import { insertEvents, type LockedJob, lockOptionalJob, selectOptionalJob, updateJob } from "./store.ts";

/**
 * Cancels a job: what waits never runs, what runs loses its lease and is stopped within a heartbeat.
 * Cancelling a cancelled job changes nothing. Throws AppError not_found, conflict (it has ended).
 */
export async function cancelJob(
  scope: ResultsScope,
  jobId: string,
): Promise<{ job_id: string; status: JobStatus }> {
  const { tx } = scope;
  const job = await lockOwnJob(tx, jobId);
  if (job.status === "cancelled") return { job_id: jobId, status: "cancelled" };
  if (TERMINAL.includes(job.status))
    throw new AppError("conflict", `this job is ${job.status}: there is nothing to cancel`);
  const tasks = await tx
    .updateTable("tasks")
    .set({ status: "cancelled" })
    .where("job_id", "=", jobId)
    .where("status", "in", ["waiting", "ready", "running"])
    .returning(["task_name", "fence"])
    .execute();
  await tx
    .updateTable("task_executions")
    .set({ status: "cancelled", ended_at: sql`now()` })
    .where("job_id", "=", jobId)
    .where("status", "=", "running")
    .execute();
  await insertEvents(tx, [{ job_id: jobId, seq_no: job.seq + 1, event: "cancelled" }]);
  const fact = await updateJob(tx, job, {
    status: "cancelled",
    seq: job.seq + 1,
    timings: { ended_at: new Date().toISOString() },
  });
  const gone = tasks.map((task): Fact => ({ topic: "task_gone", payload: { job_id: jobId, ...task } }));
  await insertOutbox(tx, [{ topic: "job", payload: fact }, ...gone]);
  return { job_id: jobId, status: "cancelled" };
}

/**
 * Runs what failed of a job again, with as many attempts as a new one has. Completed tasks stay as they
 * are. Throws AppError not_found, conflict (only a failed job is retried).
 */
export async function retryJob(
  scope: ResultsScope,
  jobId: string,
): Promise<{ job_id: string; status: JobStatus }> {
  const { tx } = scope;
  const job = await lockOwnJob(tx, jobId);
  if (job.status !== "failed") {
    throw new AppError(
      "conflict",
      `this job is ${job.status}: only a failed one is retried (\`job submit --from\` makes a new one)`,
    );
  }
  const tasks = await sql<{ task_name: string; engine: string; fence: number }>`
    UPDATE tasks SET status = 'ready', available_at = now(), max_attempts = attempt + greatest(max_attempts - attempt, 3)
    WHERE job_id = ${jobId} AND status = 'failed' RETURNING task_name, engine, fence`.execute(tx);
  await insertEvents(tx, [{ job_id: jobId, seq_no: job.seq + 1, event: "queued", detail: "retry" }]);
  const fact = await updateJob(tx, job, { status: "queued", seq: job.seq + 1, error: null });
  const now = new Date().toISOString();
  const ready = tasks.rows.map(
    (task): Fact => ({
      topic: "task_ready",
      payload: { job_id: jobId, ...task, priority: job.priority, rank: job.rank, available_at: now },
    }),
  );
  await insertOutbox(tx, [{ topic: "job", payload: fact }, ...ready]);
  return { job_id: jobId, status: "queued" };
}

/** The job under lock. Missing and invisible are the same; a visible job of somebody else is forbidden. */
async function lockOwnJob(tx: ResultsTx, jobId: string): Promise<LockedJob> {
  const job = await lockOptionalJob(tx, jobId);
  if (job !== undefined) return job;
  if ((await selectOptionalJob(tx, jobId)) === undefined) throw new AppError("not_found", "no such job");
  throw new AppError("forbidden", "this job is somebody else's: only its owner or an admin may change it");
}
