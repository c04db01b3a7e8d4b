import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";

export type OutboxRow = { outbox_id: number; topic: string; payload: unknown };

/** Only one relay works on a database at a time; the next waits, so that what it just committed is taken. */
const RELAY_LOCK = 7_242_010;
const MOST_ROWS = 1000;
/** About a thousand facts: rows that hold many are told from others by their size, which costs no look into them. */
const MOST_BYTES = 256 * 1024;

/** Waits for the relay that is under way, and keeps others from beginning until this transaction ends. */
export async function lockRelay(tx: ResultsTx): Promise<void> {
  await sql`SELECT pg_advisory_xact_lock(${RELAY_LOCK})`.execute(tx);
}

/** The oldest rows that nobody took, a portion of them; and whether more wait. */
export async function selectPending(tx: ResultsTx): Promise<{ rows: OutboxRow[]; more: boolean }> {
  const found = await sql<OutboxRow & { pending: number }>`
    SELECT outbox_id, topic, payload, pending FROM (
      SELECT outbox_id, topic, payload, count(*) OVER () AS pending,
        sum(pg_column_size(payload)) OVER (ORDER BY outbox_id) - pg_column_size(payload) AS bytes_before
      FROM (SELECT outbox_id, topic, payload FROM outbox WHERE relayed_at IS NULL
        ORDER BY outbox_id LIMIT ${MOST_ROWS}) AS oldest) AS measured
    WHERE bytes_before < ${MOST_BYTES} ORDER BY outbox_id`.execute(tx);
  const rows = found.rows.map(({ outbox_id, topic, payload }) => ({ outbox_id, topic, payload }));
  const pending = found.rows[0]?.pending ?? 0;
  return { rows, more: pending === MOST_ROWS || rows.length < pending };
}

export async function markRelayed(tx: ResultsTx, ids: number[]): Promise<void> {
  await sql`UPDATE outbox SET relayed_at = now() WHERE outbox_id = ANY (${ids}::bigint[])`.execute(tx);
}
