import { type RawBuilder, sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";

/** A row of ours is a quarter of it at most; one beyond is a lie, and never read. */
const LARGEST_BYTES = 1024 * 1024;

/** The payload is null where it is larger than any of ours. */
export type OutboxRow = { outbox_id: number; topic: string; payload: unknown };

/** The payload, so far as it is one of ours by its size. */
export const PAYLOAD = sql<unknown>`CASE WHEN pg_column_size(payload) <= ${sql.lit(LARGEST_BYTES)} THEN payload END`;

/** Only one relay works on a database at a time; the next waits, so that what it just committed is taken. */
const RELAY_LOCK = 7_242_010;
const MOST_ROWS = 1000;
/** About a thousand facts: rows that hold many are told from others by their size, which costs no look into them. */
const MOST_BYTES = 256 * 1024;

/**
 * Waits for the relay that is under way, and keeps others from beginning until this transaction ends. A process that
 * is stopped in its relay holds the lock and says nothing: whoever waits gives up after `patience` (AppError
 * unavailable; the reconciler comes again), and the server ends a holder that was idle for `idle`.
 */
export async function lockRelay(tx: ResultsTx, waits: Waits = {}): Promise<void> {
  await lockText(waits).execute(tx);
}

type Waits = { patience?: string; idle?: string };

/** Without values, so that it is one message, also with what follows it. */
function lockText({ patience = "10s", idle = "60s" }: Waits): RawBuilder<unknown> {
  return sql`SELECT set_config('lock_timeout', ${sql.lit(patience)}, true),
    set_config('idle_in_transaction_session_timeout', ${sql.lit(idle)}, true);
    SELECT pg_advisory_xact_lock(${sql.lit(RELAY_LOCK)})`;
}

/**
 * Locks as `lockRelay` does, and reads the oldest rows that nobody took, a portion of them; and whether more wait.
 * In one message, whose statements see each what was committed before it began: what the last relay marked is seen.
 */
export async function lockPending(tx: ResultsTx): Promise<{ rows: OutboxRow[]; more: boolean }> {
  const found = await sql<OutboxRow & { pending: number }>`${lockText({})};
    SELECT outbox_id, topic, ${PAYLOAD} AS payload, pending FROM (
      SELECT outbox_id, topic, payload, count(*) OVER () AS pending,
        sum(pg_column_size(payload)) OVER (ORDER BY outbox_id) - pg_column_size(payload) AS bytes_before
      FROM (SELECT outbox_id, topic, payload FROM outbox WHERE relayed_at IS NULL
        ORDER BY outbox_id LIMIT ${sql.lit(MOST_ROWS)}) AS oldest) AS measured
    WHERE bytes_before < ${sql.lit(MOST_BYTES)} ORDER BY outbox_id`.execute(tx);
  const rows = found.rows.map(({ outbox_id, topic, payload }) => ({ outbox_id, topic, payload }));
  const pending = found.rows[0]?.pending ?? 0;
  return { rows, more: pending === MOST_ROWS || rows.length < pending };
}

export async function markRelayed(tx: ResultsTx, ids: number[]): Promise<void> {
  await sql`UPDATE outbox SET relayed_at = now() WHERE outbox_id = ANY (${ids}::bigint[])`.execute(tx);
}
