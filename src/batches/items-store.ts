import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";
import type { BatchItem } from "./schema.ts";

/** A thing to compute, or one that is left out and says why. */
export type NewItem = {
  molecule_id: string | null;
  structure_id: string | null;
  name: string | null;
  source_row: number | null;
  input_key: string | null;
  params: object;
  input_signature: string | null;
  /** With the text that was given, of what never became a molecule. */
  error: { code: string; message: string; input?: string } | null;
};

/**
 * Adds items after the last one, in order, counted. The same thing as an earlier item is left out and names it.
 * The caller holds the batch's gate. Returns how many will have a job.
 */
export async function insertItems(
  tx: ResultsTx,
  batchId: string,
  last: number,
  items: NewItem[],
): Promise<number> {
  const rows = items.map((item, index) => ({ place: last + index + 1, ...item }));
  const result = await sql<{ added: number }>`
    WITH given AS MATERIALIZED (
      SELECT g.*, CASE WHEN g.error IS NULL THEN min(g.place) OVER (PARTITION BY g.error IS NULL, g.molecule_id, g.structure_id) END AS first
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS g(place integer, molecule_id uuid, structure_id uuid,
        name text, source_row bigint, input_key text, params jsonb, input_signature text, error jsonb)
    ), placed AS MATERIALIZED (
      SELECT g.*, coalesce(
        (SELECT b.item_no FROM batch_items b WHERE b.batch_id = ${batchId} AND b.molecule_id = g.molecule_id
          AND b.structure_id IS NOT DISTINCT FROM g.structure_id AND g.error IS NULL),
        (SELECT b.item_no FROM batch_items b WHERE b.batch_id = ${batchId} AND b.structure_id = g.structure_id
          AND b.molecule_id IS NULL AND g.molecule_id IS NULL AND g.error IS NULL),
        CASE WHEN g.first < g.place THEN g.first END) AS same_as
      FROM given g
    ), made AS (
      INSERT INTO batch_items (batch_id, item_no, molecule_id, structure_id, name, source_row, input_key, params,
        input_signature, status, error)
      SELECT ${batchId}, place, CASE WHEN same_as IS NULL THEN molecule_id END, CASE WHEN same_as IS NULL THEN structure_id END,
        name, source_row, input_key, params, CASE WHEN same_as IS NULL THEN input_signature END,
        CASE WHEN same_as IS NULL AND error IS NULL THEN 'pending' ELSE 'skipped' END,
        coalesce(error, CASE WHEN same_as IS NOT NULL THEN jsonb_build_object('code', 'duplicate',
          'message', 'the same as item ' || same_as, 'item_no', same_as) END)
      FROM placed ORDER BY place
      RETURNING item_no, status
    ), counted AS (
      INSERT INTO batch_progress (batch_id, slot, pending, skipped)
      SELECT ${batchId}::uuid, (item_no % 16)::smallint AS slot, count(*) FILTER (WHERE status = 'pending'),
        count(*) FILTER (WHERE status = 'skipped') FROM made GROUP BY 2 ORDER BY 2
      ON CONFLICT (batch_id, slot) DO UPDATE SET pending = batch_progress.pending + excluded.pending,
        skipped = batch_progress.skipped + excluded.skipped
    )
    SELECT count(*)::int AS added FROM made WHERE status = 'pending'`.execute(tx);
  return result.rows[0]?.added ?? 0;
}

/** The last line or record that was added; null where nothing was, or nothing came from a file. */
export async function selectLastSourceRow(db: ResultsDb, batchId: string): Promise<number | null> {
  const row = await db
    .selectFrom("batch_items")
    .select("source_row")
    .where("batch_id", "=", batchId)
    // Of the last item that has one: what was known before may come after a file. Its rows come in their order.
    .where("source_row", "is not", null)
    .orderBy("item_no", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.source_row == null ? null : Number(row.source_row);
}

/** Of an item that has a job: whether that waits, as the counts say it (`selectItemCounts`). Never null. */
const WAITS = sql<boolean>`(i.status = 'processing' AND j.status IS DISTINCT FROM 'running')`;

/** Items by number, after one. */
export async function selectItems(
  db: ResultsDb,
  { batch_id, status, after, limit }: { batch_id: string; status?: string; after: number; limit: number },
): Promise<BatchItem[]> {
  let query = db
    .selectFrom("batch_items as i")
    .leftJoin("molecules as m", "m.molecule_id", "i.molecule_id")
    .leftJoin("jobs as j", "j.job_id", "i.job_id")
    .select(["i.item_no", "i.name", "m.smiles", "i.source_row", "i.molecule_id", "i.structure_id"])
    .select(["i.job_id", "i.retry_count", sql<object | null>`i.error - 'input'`.as("error")])
    .select(sql<string | null>`nullif(i.error ->> 'input', '')`.as("input"))
    .select(sql<string>`CASE WHEN ${WAITS} THEN 'queued' ELSE i.status END`.as("status"))
    .where("i.batch_id", "=", batch_id)
    .where("i.item_no", ">", after)
    .orderBy("i.item_no")
    .limit(limit);
  if (status !== undefined) query = query.where("i.status", "=", status === "queued" ? "processing" : status);
  if (status === "queued") query = query.where(WAITS);
  if (status === "processing") query = query.where(sql<boolean>`NOT ${WAITS}`);
  const rows = await query.execute();
  return rows.map(
    (row) => ({ ...row, source_row: row.source_row === null ? null : Number(row.source_row) }) as BatchItem,
  );
}
