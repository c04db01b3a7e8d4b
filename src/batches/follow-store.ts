import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";
import { sha256 } from "../ids.ts";
import { selectItemCounts } from "./progress-store.ts";
import type { ItemCounts } from "./schema.ts";

/** How a batch stands, in a text that changes with its row and its counts. */
export function markOf(batch: { status: string; updated_at: string; counts?: ItemCounts }): string {
  const { pending, queued, processing, completed, failed, skipped } = batch.counts ?? {};
  const counts = [pending, queued, processing, completed, failed, skipped].map((count) => count ?? 0);
  return sha256([batch.status, batch.updated_at, ...counts].join()).slice(0, 16);
}

/** How batches stand. */
export async function selectBatchMarks(db: ResultsDb, batchIds: string[]): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom("batch_jobs")
    .select(["batch_id", "status", "updated_at"])
    .where(sql<boolean>`batch_id = ANY (${batchIds}::uuid[])`)
    .execute();
  const counts = await selectItemCounts(db, batchIds);
  return new Map(
    rows.map((row) => {
      const own = counts.get(row.batch_id);
      return [row.batch_id, markOf(own === undefined ? row : { ...row, counts: own })];
    }),
  );
}
