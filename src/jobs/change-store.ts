import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";

export type EndedTask = { job_id: string; task_name: string; fence: number };
export type ReadyTask = EndedTask & { engine: string; available_at: string };

/** Cancels what of locked jobs waits or runs, and the attempts that run. */
export async function cancelTasks(tx: ResultsTx, jobIds: string[]): Promise<EndedTask[]> {
  const tasks = await tx
    .updateTable("tasks")
    .set({ status: "cancelled" })
    .where(sql<boolean>`job_id = ANY (${jobIds}::uuid[])`)
    .where("status", "in", ["waiting", "ready", "running"])
    .returning(["job_id", "task_name", "fence"])
    .execute();
  await tx
    .updateTable("task_executions")
    .set({ status: "cancelled", ended_at: sql`now()` })
    .where(sql<boolean>`job_id = ANY (${jobIds}::uuid[])`)
    .where("status", "=", "running")
    .execute();
  return tasks;
}

/**
 * Makes failed tasks of locked jobs ready again, with as many attempts left as a new one has. Those behind them
 * still wait: a task that failed has counted off nothing.
 */
export async function reviveTasks(tx: ResultsTx, jobIds: string[]): Promise<ReadyTask[]> {
  const revived = await sql<ReadyTask>`
    UPDATE tasks SET status = 'ready', available_at = now(), max_attempts = attempt + greatest(max_attempts - attempt, 3)
    WHERE job_id = ANY (${jobIds}::uuid[]) AND status = 'failed'
    RETURNING job_id, task_name, engine, fence, available_at`.execute(tx);
  return revived.rows;
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
