import { sql } from "kysely";
import type { ResultsScope } from "../db/results.ts";
import { insertEvents, lockOptionalJob, updateJob } from "../jobs/store.ts";
import { insertOutbox } from "../outbox.ts";
import type { Claim } from "../queue/claims-store.ts";
import { numbered, type Started } from "./facts.ts";
import { readyFact } from "./record.ts";

/**
 * Gives a running task back because its worker is told to end at once: ready again, and the attempt that
 * was cut short is not held against it. Under the fence; changes nothing where the task is no longer ours.
 */
export async function giveBackTask(scope: ResultsScope, claim: Claim, started: Started): Promise<void> {
  const { tx } = scope;
  const job = await lockOptionalJob(tx, claim.job_id);
  const task = await tx
    .updateTable("tasks")
    .set((eb) => ({ status: "ready", available_at: sql`now()`, max_attempts: eb("max_attempts", "+", 1) }))
    .where("job_id", "=", claim.job_id)
    .where("task_name", "=", claim.task_name)
    .where("status", "=", "running")
    .where("fence", "=", claim.fence)
    .returning(["task_name", "engine", "fence"])
    .executeTakeFirst();
  if (job === undefined || task === undefined) return;
  await tx
    .updateTable("task_executions")
    .set({ status: "cancelled", ended_at: sql`now()` })
    .where("exec_id", "=", started.task.exec_id)
    .execute();
  const event = { event: "given_back", metadata: { task: claim.task_name, attempt: started.attempt } };
  await insertEvents(tx, numbered([event], claim.job_id, job.seq));
  const fact = await updateJob(tx, job, { status: "running", seq: job.seq + 1 });
  await insertOutbox(tx, [{ topic: "job", payload: fact }, readyFact(job, task)]);
}
