import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";
import type { BatchCounts, ItemCounts } from "./schema.ts";

/** Counters of a batch lie in so many rows, by item number: tasks that end at once do not wait for one. */
export const SLOTS = 16;

const STATES = ["pending", "processing", "completed", "failed", "skipped"] as const;

/** Adds what `deltas` (batch_id, item_no, was, status) say to the counters, slot by slot in one order. */
export function counting(deltas: string): string {
  const sums = STATES.map(
    (state) => `sum((status = '${state}')::int - (was = '${state}')::int) AS ${state}`,
  ).join(", ");
  const added = STATES.map((state) => `${state} = batch_progress.${state} + excluded.${state}`).join(", ");
  return `INSERT INTO batch_progress (batch_id, slot, ${STATES.join(", ")})
    SELECT batch_id, (item_no % ${SLOTS})::smallint AS slot, ${sums} FROM ${deltas} AS d
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (batch_id, slot) DO UPDATE SET ${added}`;
}

export type MovedItem = { batch_id: string; item_no: number; status: string };

/**
 * Moves the items of jobs, where that is a step an item has, and counts them. Locks items by number, then
 * counters by slot. Returns what moved.
 */
export async function moveItems(
  tx: ResultsTx,
  ended: { job_id: string; status: string; error: object | null }[],
): Promise<MovedItem[]> {
  const result = await sql<MovedItem>`
    WITH given AS (
      SELECT DISTINCT ON (job_id) g.* FROM jsonb_to_recordset(${JSON.stringify(ended)}::jsonb)
        AS g(job_id uuid, status text, error jsonb) ORDER BY job_id
    ), held AS MATERIALIZED (
      SELECT i.batch_id, i.item_no, i.status AS was, g.status, g.error
      FROM given g JOIN jobs j ON j.job_id = g.job_id
        JOIN batch_items i ON i.job_id = g.job_id AND i.batch_id = j.batch_id
      ORDER BY i.batch_id, i.item_no FOR UPDATE OF i
    ), moved AS (
      UPDATE batch_items i SET status = h.status, error = h.error,
        retry_count = i.retry_count + (h.was = 'failed' AND h.status = 'processing')::int
      FROM held h WHERE i.batch_id = h.batch_id AND i.item_no = h.item_no AND CASE h.was
        WHEN 'pending' THEN true
        WHEN 'processing' THEN h.status <> 'processing'
        WHEN 'failed' THEN h.status = 'processing'
        ELSE false END
      RETURNING i.batch_id, i.item_no, h.was, h.status
    ), counted AS (${sql.raw(counting("moved"))})
    SELECT batch_id, item_no, status FROM moved`.execute(tx);
  return result.rows;
}

/** Batches that had ended and have open items again. */
export async function reopenBatches(tx: ResultsTx, batchIds: string[]): Promise<void> {
  await tx
    .updateTable("batch_jobs")
    .set({ status: "in_progress", ended_at: null, error: null })
    .where("batch_id", "in", batchIds.toSorted())
    .where("status", "in", ["completed", "failed"])
    .execute();
}

/** The counters of batches, summed; a batch without a slot has none. */
export async function selectCounts(db: ResultsDb, batchIds: string[]): Promise<Map<string, BatchCounts>> {
  if (batchIds.length === 0) return new Map();
  const rows = await db
    .selectFrom("batch_progress")
    .select("batch_id")
    .select(({ fn }) => STATES.map((state) => fn.sum<string>(state).as(state)))
    .where("batch_id", "in", batchIds)
    .groupBy("batch_id")
    .execute();
  return new Map(
    rows.map(({ batch_id, pending, processing, completed, failed, skipped }) => [
      batch_id,
      {
        pending: Number(pending),
        processing: Number(processing),
        completed: Number(completed),
        failed: Number(failed),
        skipped: Number(skipped),
      },
    ]),
  );
}

/**
 * The same as people see them: of the items that have a job, those whose job has begun apart from those whose job
 * waits. In one statement, as a job that begins moves no counter: a million writes more would say nothing that the
 * jobs do not say. What runs is found by its status: few of all that a batch has.
 */
export async function selectItemCounts(db: ResultsDb, batchIds: string[]): Promise<Map<string, ItemCounts>> {
  if (batchIds.length === 0) return new Map();
  const result = await sql<ItemCounts & { batch_id: string }>`
    WITH begun AS (
      SELECT j.batch_id, count(*) AS jobs FROM (SELECT batch_id FROM jobs WHERE status = 'running' OFFSET 0) AS j
      WHERE j.batch_id = ANY (${batchIds}::uuid[]) GROUP BY 1
    ), counted AS (
      SELECT batch_id, ${sql.raw(STATES.map((state) => `sum(${state}) AS ${state}`).join(", "))}
      FROM batch_progress WHERE batch_id = ANY (${batchIds}::uuid[]) GROUP BY 1
    )
    SELECT c.batch_id, c.pending::int, (c.processing - b.jobs)::int AS queued, b.jobs::int AS processing,
      c.completed::int, c.failed::int, c.skipped::int
    FROM counted c CROSS JOIN LATERAL (
      SELECT least(c.processing, coalesce((SELECT jobs FROM begun WHERE begun.batch_id = c.batch_id), 0)) AS jobs) AS b`.execute(
    db,
  );
  return new Map(result.rows.map(({ batch_id, ...counts }) => [batch_id, counts]));
}

/** The counters, counted from the items. */
export async function countItems(db: ResultsDb, batchId: string): Promise<BatchCounts> {
  const counts: BatchCounts = { pending: 0, processing: 0, completed: 0, failed: 0, skipped: 0 };
  const rows = await db
    .selectFrom("batch_items")
    .select("status")
    .select(({ fn }) => fn.countAll<string>().as("count"))
    .where("batch_id", "=", batchId)
    .groupBy("status")
    .execute();
  for (const { status, count } of rows) counts[status as keyof BatchCounts] = Number(count);
  return counts;
}

/**
 * Holds all counters of a batch: whoever moves an item counts it in the same transaction, so what the next
 * statement sees of the items is what the counters have to say.
 */
export async function lockCounts(tx: ResultsTx, batchId: string): Promise<void> {
  await sql`INSERT INTO batch_progress (batch_id, slot)
    SELECT ${batchId}::uuid, s::smallint FROM generate_series(0, ${sql.lit(SLOTS - 1)}) AS s ORDER BY s
    ON CONFLICT (batch_id, slot) DO UPDATE SET pending = batch_progress.pending`.execute(tx);
}

/** Makes the counters of a batch say what its items are. The caller holds them. */
export async function rewriteCounts(tx: ResultsTx, batchId: string): Promise<void> {
  await sql`
    WITH counted AS (
      SELECT s.slot::smallint AS slot, ${sql.raw(STATES.map((state) => `count(*) FILTER (WHERE i.status = '${state}') AS ${state}`).join(", "))}
      FROM generate_series(0, ${sql.lit(SLOTS - 1)}) AS s(slot)
        LEFT JOIN batch_items i ON i.batch_id = ${batchId} AND i.item_no % ${sql.lit(SLOTS)} = s.slot
      GROUP BY 1
    )
    INSERT INTO batch_progress (batch_id, slot, ${sql.raw(STATES.join(", "))})
    SELECT ${batchId}::uuid, slot, ${sql.raw(STATES.join(", "))} FROM counted ORDER BY slot
    ON CONFLICT (batch_id, slot) DO UPDATE SET ${sql.raw(STATES.map((state) => `${state} = excluded.${state}`).join(", "))}`.execute(
    tx,
  );
}
