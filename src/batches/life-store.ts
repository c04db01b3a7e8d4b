import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";

/** Jobs of a batch's open items: at most a window of them. */
export async function selectOpenJobIds(tx: ResultsTx, batchId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom("batch_items")
    .select("job_id")
    .where("batch_id", "=", batchId)
    .where("status", "=", "processing")
    .execute();
  return rows.flatMap(({ job_id }) => job_id ?? []);
}

export type ReadyTask = {
  job_id: string;
  task_name: string;
  engine: string;
  fence: number;
  available_at: string;
};

/** Tasks of locked jobs that the queue has, or should have. */
export async function selectReadyTasks(tx: ResultsTx, jobIds: string[]): Promise<ReadyTask[]> {
  return tx
    .selectFrom("tasks")
    .select(["job_id", "task_name", "engine", "fence", "available_at"])
    .where(sql<boolean>`job_id = ANY (${jobIds}::uuid[])`)
    .where("status", "=", "ready")
    .execute();
}
