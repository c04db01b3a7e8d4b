import { sql } from "kysely";
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
 * completed. While another branch still runs a failed task does not end it, so that what runs is recorded;
 * what comes after a failed task stays waiting, so that a retry of the job goes on to it.
 */
export async function jobOutcomes(tx: ResultsTx, jobIds: string[]): Promise<Map<string, JobOutcome>> {
  if (jobIds.length === 0) return new Map();
  const { rows } = await sql<{ job_id: string; states: string[] }>`
    SELECT job_id, array_agg(DISTINCT status) AS states FROM tasks
    WHERE job_id = ANY (${jobIds}::uuid[]) GROUP BY job_id`.execute(tx);
  const failed = rows.flatMap((row) => (isFailed(row.states) ? [row.job_id] : []));
  const errors = await firstErrors(tx, failed);
  return new Map(rows.map((row) => [row.job_id, outcomeOf(row.states, errors.get(row.job_id))]));
}

function isFailed(states: string[]): boolean {
  return states.includes("failed") && !states.includes("ready") && !states.includes("running");
}

type Failed = Extract<JobOutcome, { status: "failed" }>;

function outcomeOf(states: string[], error: Failed["error"] | undefined): JobOutcome {
  if (isFailed(states) && error !== undefined) return { status: "failed", error };
  return { status: states.every((state) => state === "completed") ? "completed" : "running" };
}

/** The error of the task that failed first, of each job. */
async function firstErrors(tx: ResultsTx, jobIds: string[]): Promise<Map<string, Failed["error"]>> {
  if (jobIds.length === 0) return new Map();
  const rows = await tx
    .selectFrom("tasks as t")
    .leftJoin("task_executions as e", "e.exec_id", "t.current_exec_id")
    .distinctOn("t.job_id")
    .select(["t.job_id", "t.task_name", "e.error", "e.error_kind"])
    .where(sql<boolean>`t.job_id = ANY (${jobIds}::uuid[])`)
    .where("t.status", "=", "failed")
    .orderBy("t.job_id")
    .orderBy("e.ended_at")
    .execute();
  return new Map(rows.map((row) => [row.job_id, errorOf(row)]));
}

function errorOf(row: { task_name: string; error: unknown; error_kind: string | null }): Failed["error"] {
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
