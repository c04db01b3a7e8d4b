import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";

/** Of a recipe that says none. */
const ATTEMPTS = 3;

export type EndedTask = { job_id: string; task_name: string; fence: number };
export type ReadyTask = EndedTask & { engine: string; available_at: string };

/**
 * Cancels what of locked jobs waits or runs, and the attempts that run. Returns those tasks, and the signatures that
 * nobody computes any more.
 */
export async function cancelTasks(
  tx: ResultsTx,
  jobIds: string[],
): Promise<{ tasks: EndedTask[]; signatures: string[] }> {
  const tasks = await tx
    .updateTable("tasks")
    .set({ status: "cancelled" })
    .where(sql<boolean>`job_id = ANY (${jobIds}::uuid[])`)
    .where("status", "in", ["waiting", "ready", "running"])
    .returning(["job_id", "task_name", "fence"])
    .execute();
  const executions = await tx
    .updateTable("task_executions")
    .set({ status: "cancelled", ended_at: sql`now()` })
    .where(sql<boolean>`job_id = ANY (${jobIds}::uuid[])`)
    .where("status", "=", "running")
    .returning("signature")
    .execute();
  return { tasks, signatures: executions.flatMap(({ signature }) => signature ?? []) };
}

/**
 * Makes failed tasks of locked jobs ready again, with as many attempts left as their recipe gives a new one. Those behind them
 * still wait: a task that failed has counted off nothing.
 */
export async function reviveTasks(tx: ResultsTx, jobIds: string[]): Promise<ReadyTask[]> {
  const revived = await sql<ReadyTask>`
    UPDATE tasks t SET status = 'ready', available_at = now(),
      max_attempts = t.attempt + coalesce((s.spec -> 'tasks' -> t.task_name ->> 'max_attempts')::int, ${ATTEMPTS})
    FROM jobs j JOIN pipeline_specs s ON s.spec_hash = j.spec_hash
    WHERE j.job_id = t.job_id AND t.job_id = ANY (${jobIds}::uuid[]) AND t.status = 'failed'
    RETURNING t.job_id, t.task_name, t.engine, t.fence, t.available_at`.execute(tx);
  return revived.rows;
}

/** Whether the caller sees a job, and the batch that it belongs to. */
export async function selectOptionalBelonging(
  tx: ResultsTx,
  jobId: string,
): Promise<{ job_id: string; batch_id: string | null } | undefined> {
  return tx.selectFrom("jobs").select(["job_id", "batch_id"]).where("job_id", "=", jobId).executeTakeFirst();
}

/** Status of the batch that a job belongs to; undefined where the caller does not see it. */
export async function selectBatchStatus(tx: ResultsTx, batchId: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom("batch_jobs")
    .select("status")
    .where("batch_id", "=", batchId)
    .executeTakeFirst();
  return row?.status;
}

/** What a failed job met: its code, and the kind that says whether it may do better. */
export async function selectError(tx: ResultsTx, jobId: string): Promise<{ code: string; kind: string }> {
  const row = await tx
    .selectFrom("jobs")
    .select(sql<string | null>`error ->> 'code'`.as("code"))
    .select(sql<string | null>`error ->> 'kind'`.as("kind"))
    .where("job_id", "=", jobId)
    .executeTakeFirst();
  const code = row?.code ?? "internal";
  return { code, kind: row?.kind ?? code };
}

/** How often each of these jobs was retried before. */
export async function selectRetries(tx: ResultsTx, jobIds: string[]): Promise<Map<string, number>> {
  const rows = await tx
    .selectFrom("jobs")
    .select(["job_id", sql<number>`coalesce((metrics ->> 'retried')::int, 0)`.as("retried")])
    .where(sql<boolean>`job_id = ANY (${jobIds}::uuid[])`)
    .execute();
  return new Map(rows.map((row) => [row.job_id, row.retried]));
}
