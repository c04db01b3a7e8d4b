import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";

/**
 * Batches whose counters don't say what their items are: of those that have not ended or changed within a day, or
 * of all. One statement sees items and counters as one moment left them, so it needs no lock.
 */
export async function selectMiscounted(tx: ResultsTx, all: boolean): Promise<string[]> {
  const result = await sql<{ batch_id: string }>`
    SELECT b.batch_id FROM batch_jobs b
      CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE i.status = 'pending') AS pending,
          count(*) FILTER (WHERE i.status = 'processing') AS processing, count(*) FILTER (WHERE i.status = 'completed') AS completed,
          count(*) FILTER (WHERE i.status = 'failed') AS failed, count(*) FILTER (WHERE i.status = 'skipped') AS skipped
        FROM batch_items i WHERE i.batch_id = b.batch_id) AS true_counts
      CROSS JOIN LATERAL (SELECT coalesce(sum(p.pending), 0) AS pending, coalesce(sum(p.processing), 0) AS processing,
          coalesce(sum(p.completed), 0) AS completed, coalesce(sum(p.failed), 0) AS failed, coalesce(sum(p.skipped), 0) AS skipped
        FROM batch_progress p WHERE p.batch_id = b.batch_id) AS said
    WHERE (true_counts.pending, true_counts.processing, true_counts.completed, true_counts.failed, true_counts.skipped)
        <> (said.pending, said.processing, said.completed, said.failed, said.skipped)
      AND (${all} OR b.status IN ('pending', 'in_progress', 'paused') OR b.updated_at > now() - interval '1 day')
    ORDER BY b.batch_id`.execute(tx);
  return result.rows.map((row) => row.batch_id);
}
