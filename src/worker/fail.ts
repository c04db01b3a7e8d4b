import { sql } from "kysely";
import type { ResultsScope, ResultsTx } from "../db/results.ts";
import type { AppError } from "../errors.ts";
import { insertEvents, type LockedJob, lockOptionalJob, type NewEvent, updateJob } from "../jobs/store.ts";
import { insertOutbox } from "../outbox.ts";
import type { Claim } from "../queue/claims-store.ts";
import { backoffSeconds } from "./backoff.ts";
import { goneFact, numbered, type Started } from "./facts.ts";
import { jobOutcome, outcomeChange, outcomeEvents } from "./outcome.ts";
import { readyFact } from "./record.ts";

export type Failure = { error: AppError; logs_uri: string | null };

/**
 * Ends an attempt that failed: again later where the kind of error allows it and attempts are left, else
 * the task and its job fail with the reason. Guarded by the fence like recording; returns false where
 * somebody else has the task now and nothing was changed.
 */
export async function failTask(
  scope: ResultsScope,
  claim: Claim,
  started: Started,
  failure: Failure,
): Promise<boolean> {
  const { tx } = scope;
  const { error } = failure;
  const job = await lockOptionalJob(tx, claim.job_id);
  const again = error.retryable && started.attempt < started.max_attempts;
  const delay = backoffSeconds(started.attempt, Math.random());
  const owned = await tx
    .updateTable("tasks")
    .set({
      status: again ? "ready" : "failed",
      ...(again ? { available_at: sql<string>`now() + make_interval(secs => ${delay})` } : {}),
    })
    .where("job_id", "=", claim.job_id)
    .where("task_name", "=", claim.task_name)
    .where("status", "=", "running")
    .where("fence", "=", claim.fence)
    .returning(["task_name", "engine", "fence", "available_at"])
    .executeTakeFirst();
  if (job === undefined || owned === undefined) return false;
  await endExecution(tx, started, failure);
  const metadata = { task: claim.task_name, attempt: started.attempt, code: error.code };
  if (again) {
    const event = {
      event: "retried",
      detail: error.message,
      metadata: { ...metadata, delay_seconds: Math.round(delay) },
    };
    await insertEvents(tx, numbered([event], claim.job_id, job.seq));
    const fact = await updateJob(tx, job, { status: "running", seq: job.seq + 1 });
    await insertOutbox(tx, [{ topic: "job", payload: fact }, readyFact(job, owned, owned.available_at)]);
    return true;
  }
  await failJob(tx, job, claim, [{ event: "task_failed", detail: error.message, metadata }]);
  return true;
}

/** After a task failed for good: the job's row, its events and the facts; failed unless another branch runs. */
async function failJob(
  tx: ResultsTx,
  job: LockedJob,
  claim: Claim,
  events: Omit<NewEvent, "job_id" | "seq_no">[],
): Promise<void> {
  const outcome = await jobOutcome(tx, claim.job_id);
  const all = [...events, ...outcomeEvents(outcome)];
  await insertEvents(tx, numbered(all, claim.job_id, job.seq));
  const fact = await updateJob(tx, job, { ...outcomeChange(outcome), seq: job.seq + all.length });
  await insertOutbox(tx, [{ topic: "job", payload: fact }, goneFact(claim)]);
}

/**
 * A task whose workers all vanished has no attempt left: it fails instead of being started again, or an
 * input that kills its worker would go round for ever. The caller holds the job's and the task's lock.
 */
export async function failLostTask(tx: ResultsTx, job: LockedJob, claim: Claim): Promise<void> {
  const message =
    "its workers vanished and no attempt is left: an input that ends its worker, or a machine out of memory";
  await tx
    .updateTable("task_executions")
    .set({
      status: "lost",
      ended_at: sql`now()`,
      error_kind: "lost_lease",
      error: sql`${JSON.stringify({ code: "lost_lease", message })}::jsonb`,
    })
    .where("job_id", "=", claim.job_id)
    .where("task_name", "=", claim.task_name)
    .where("status", "=", "running")
    .execute();
  await tx
    .updateTable("tasks")
    .set({ status: "failed", fence: claim.fence })
    .where("job_id", "=", claim.job_id)
    .where("task_name", "=", claim.task_name)
    .execute();
  const metadata = { task: claim.task_name, code: "lost_lease" };
  await failJob(tx, job, claim, [
    { event: "lost", detail: "the worker vanished", metadata },
    { event: "task_failed", detail: message, metadata },
  ]);
}

async function endExecution(tx: ResultsTx, started: Started, failure: Failure): Promise<void> {
  const { code, message, kind, fields } = failure.error;
  await tx
    .updateTable("task_executions")
    .set({
      status: "failed",
      ended_at: sql`now()`,
      error_kind: kind,
      error: sql`${JSON.stringify({ code, message, fields })}::jsonb`,
      logs_uri: failure.logs_uri,
    })
    .where("exec_id", "=", started.task.exec_id)
    .execute();
}
