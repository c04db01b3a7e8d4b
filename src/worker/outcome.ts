import type { ResultsTx } from "../db/results.ts";

/** How a job stands after one of its tasks ended. */
export type JobOutcome =
  | { status: "running" }
  | { status: "completed" }
  | {
      status: "failed";
      error: { code: string; kind: string | null; message: string; task: string; fields: unknown };
    };

/**
 * A job is over when nothing of it is ready or runs: failed where a task failed, completed where all
 * completed. While another branch still runs a failed task does not end it, so that what runs is recorded.
 */
export async function jobOutcome(tx: ResultsTx, jobId: string): Promise<JobOutcome> {
  const tasks = await tx.selectFrom("tasks").select(["status"]).where("job_id", "=", jobId).execute();
  const has = (...states: string[]) => tasks.some(({ status }) => states.includes(status));
  if (has("ready", "running")) return { status: "running" };
  if (has("failed")) return { status: "failed", error: await firstError(tx, jobId) };
  return { status: has("waiting", "cancelled") ? "running" : "completed" };
}

async function firstError(tx: ResultsTx, jobId: string) {
  const row = await tx
    .selectFrom("tasks as t")
    .innerJoin("task_executions as e", "e.exec_id", "t.current_exec_id")
    .select(["t.task_name", "e.error", "e.error_kind"])
    .where("t.job_id", "=", jobId)
    .where("t.status", "=", "failed")
    .orderBy("e.ended_at")
    .executeTakeFirstOrThrow();
  const error = row.error as { code?: string; message?: string; fields?: unknown } | null;
  return {
    code: error?.code ?? "internal",
    kind: row.error_kind,
    message: error?.message ?? "the task failed",
    task: row.task_name,
    fields: error?.fields ?? [],
  };
}

/** What of an outcome goes into the job's row. */
export function outcomeChange(outcome: JobOutcome): {
  status: JobOutcome["status"];
  error?: object;
  timings?: object;
} {
  if (outcome.status === "running") return { status: "running" };
  const timings = { ended_at: new Date().toISOString() };
  if (outcome.status === "completed") return { status: "completed", timings };
  return { status: "failed", error: outcome.error, timings };
}

/** The event that ends a job, where it ended. */
export function outcomeEvents(outcome: JobOutcome): { event: string; detail?: string }[] {
  if (outcome.status === "running") return [];
  return [
    outcome.status === "completed"
      ? { event: "completed" }
      : { event: "failed", detail: outcome.error.message },
  ];
}
