import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import { type LaneKey, wakeLanes } from "./lanes-store.ts";

/** A clock beyond this is set back to 0 with its lanes: a step of 1/1000 is still exact there. */
const FAR = 1e9;

/**
 * Lets active lanes rest that hold nothing to claim, as after a cancelled batch: each claim would look into them.
 * Locked first and asked in a second statement, as when a claim does it.
 */
export async function restEmptyLanes(tx: MetadataTx): Promise<void> {
  const empty = await sql<LaneKey>`SELECT l.org_id, l.engine FROM queue_lanes l WHERE l.is_active
    AND (SELECT true FROM task_queue q
      WHERE q.engine = l.engine AND q.org_id = l.org_id AND q.lease_owner IS NULL
      ORDER BY q.available_at LIMIT 1) IS NULL
    FOR NO KEY UPDATE OF l SKIP LOCKED`.execute(tx);
  if (empty.rows.length === 0) return;
  await sql`UPDATE queue_lanes l SET is_active = false
    FROM jsonb_to_recordset(${JSON.stringify(empty.rows)}::jsonb) AS s(org_id uuid, engine text)
    WHERE l.org_id = s.org_id AND l.engine = s.engine AND (SELECT true FROM task_queue q
      WHERE q.engine = l.engine AND q.org_id = l.org_id AND q.lease_owner IS NULL
      ORDER BY q.available_at LIMIT 1) IS NULL`.execute(tx);
}

/**
 * Wakes lanes that rest over tasks to claim, and makes those that are missing: programs older than the lanes put
 * rows into the queue without them. It steps from lane to lane in the index and reads no lane through.
 */
export async function wakeNeglectedLanes(tx: MetadataTx): Promise<number> {
  const rows = await sql<LaneKey>`
    WITH RECURSIVE held AS (
      (SELECT engine, org_id FROM task_queue WHERE lease_owner IS NULL ORDER BY engine, org_id LIMIT 1)
      UNION ALL
      SELECT n.engine, n.org_id FROM held h CROSS JOIN LATERAL (
        SELECT q.engine, q.org_id FROM task_queue q
        WHERE q.lease_owner IS NULL AND (q.engine, q.org_id) > (h.engine, h.org_id)
        ORDER BY q.engine, q.org_id LIMIT 1) AS n)
    SELECT h.org_id, h.engine FROM held h
    LEFT JOIN queue_lanes l ON l.org_id = h.org_id AND l.engine = h.engine WHERE l.is_active IS NOT TRUE`.execute(
    tx,
  );
  await wakeLanes(tx, rows.rows);
  return rows.rows.length;
}

/** Sets clocks that ran far back to 0, and the lanes' virtual times with them, so that a small step never vanishes. */
export async function rewindClocks(tx: MetadataTx): Promise<void> {
  const far = await sql<{ engine: string; clock: number }>`
    SELECT engine, max(clock) AS clock FROM queue_lanes GROUP BY engine HAVING max(clock) > ${FAR}
    ORDER BY engine COLLATE "C"`.execute(tx);
  for (const { engine, clock } of far.rows) {
    await sql`SELECT FROM queue_lanes WHERE engine = ${engine} ORDER BY org_id FOR NO KEY UPDATE`.execute(tx);
    await sql`UPDATE queue_lanes SET vtime = greatest(0, vtime - ${clock}), clock = greatest(0, clock - ${clock})
      WHERE engine = ${engine}`.execute(tx);
  }
}
