import { sql } from "kysely";
import type { ResultsScope, ResultsTx } from "../db/results.ts";
import type { AppError } from "../errors.ts";
import { insertEvents, lockOptionalJob, type NewEvent, updateJob } from "../jobs/store.ts";
import { insertOutbox } from "../outbox.ts";
import { backoffSeconds } from "./backoff.ts";
import type { Claim } from "./claim.ts";
import { goneFact, numbered, type Started } from "./executions.ts";
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
  const events: Omit<NewEvent, "job_id" | "seq_no">[] = again
    ? [
        {
          event: "retried",
          detail: error.message,
          metadata: { ...metadata, delay_seconds: Math.round(delay) },
        },
      ]
    : [
        { event: "task_failed", detail: error.message, metadata },
        { event: "failed", detail: error.message },
      ];
  await insertEvents(tx, numbered(events, claim.job_id, job.seq));
  const seq = job.seq + events.length;
  if (again) {
    const fact = await updateJob(tx, job, { status: "running", seq });
    await insertOutbox(tx, [{ topic: "job", payload: fact }, readyFact(job, owned, owned.available_at)]);
    return true;
  }
  const fact = await updateJob(tx, job, {
    status: "failed",
    seq,
    error: {
      code: error.code,
      kind: error.kind,
      message: error.message,
      task: claim.task_name,
      fields: error.fields,
    },
    timings: { ended_at: new Date().toISOString() },
  });
  await insertOutbox(tx, [{ topic: "job", payload: fact }, goneFact(claim)]);
  return true;
}

async function endExecution(tx: ResultsTx, started: Started, failure: Failure): Promise<void> {
  const { code, message, kind } = failure.error;
  await tx
    .updateTable("task_executions")
    .set({
      status: "failed",
      ended_at: sql`now()`,
      error_kind: kind,
      error: sql`${JSON.stringify({ code, message })}::jsonb`,
      logs_uri: failure.logs_uri,
    })
    .where("exec_id", "=", started.task.exec_id)
    .execute();
}
