import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";

/** When the last items of a batch ended, in ms, in no order; a list for each outcome. */
export type Endings = number[][];

/**
 * The endings of batches: up to `most` of each outcome by number, as items begin in their order. What another job
 * answered is left out: it costs nothing and says nothing of the rest.
 */
export async function selectEndings(
  db: ResultsDb,
  batchIds: readonly string[],
  most: number,
): Promise<Map<string, Endings>> {
  if (batchIds.length === 0) return new Map();
  const last = (status: string) => sql`(SELECT i.job_id, i.status, i.updated_at FROM batch_items i
    WHERE i.batch_id = b.batch_id AND i.status = ${sql.lit(status)} ORDER BY i.item_no DESC LIMIT ${most})`;
  const result = await sql<{ batch_id: string; status: string; at: number }>`
    SELECT b.batch_id, e.status, (extract(epoch FROM e.updated_at) * 1000)::float8 AS at
    FROM unnest(${batchIds}::uuid[]) AS b(batch_id)
      CROSS JOIN LATERAL (${last("completed")} UNION ALL ${last("failed")}) AS e
      JOIN jobs j ON j.job_id = e.job_id AND j.batch_id = b.batch_id
    WHERE coalesce((SELECT bool_or(x.cached_from IS NULL) FROM task_executions x WHERE x.job_id = j.job_id), true)`.execute(
    db,
  );
  const groups = Map.groupBy(result.rows, ({ batch_id }) => batch_id);
  return new Map(
    [...groups].map(([batch, rows]) => [
      batch,
      [...Map.groupBy(rows, ({ status }) => status).values()].map((list) => list.map(({ at }) => at)),
    ]),
  );
}
