import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { ResultsScope } from "../db/results.ts";

export type QueueHealth = {
  queued: number;
  leased: number;
  oldest_seconds: number | null;
  workers: number;
  engines: string[];
};

/** Depth and age of the queue, and who was there to work on it within `alive_seconds`. */
export async function selectQueueHealth(tx: MetadataTx, alive_seconds: number): Promise<QueueHealth> {
  const row = await sql<QueueHealth>`
    SELECT count(*) AS queued, count(lease_owner) AS leased,
      extract(epoch FROM now() - min(available_at) FILTER (WHERE lease_owner IS NULL))::float8 AS oldest_seconds,
      (SELECT count(*) FROM workers WHERE last_seen_at > now() - make_interval(secs => ${alive_seconds})) AS workers,
      (SELECT coalesce(array_agg(DISTINCT e), '{}') FROM workers, unnest(engines) e WHERE last_seen_at > now() - make_interval(secs => ${alive_seconds})) AS engines
    FROM task_queue`.execute(tx);
  return row.rows[0] ?? { queued: 0, leased: 0, oldest_seconds: null, workers: 0, engines: [] };
}

export async function selectServerVersion(tx: MetadataTx): Promise<string | undefined> {
  const row = await sql<{ server_version: string }>`SHOW server_version`.execute(tx);
  return row.rows[0]?.server_version;
}

/** Facts of an organization that nobody took to the metadata database yet, and the age of the oldest. */
export async function selectOutboxHealth({
  tx,
}: ResultsScope): Promise<{ waiting: number; oldest_seconds: number | null }> {
  const row = await sql<{ waiting: number; oldest_seconds: number | null }>`
    SELECT count(*) AS waiting, extract(epoch FROM now() - min(created_at))::float8 AS oldest_seconds
    FROM outbox WHERE relayed_at IS NULL`.execute(tx);
  return row.rows[0] ?? { waiting: 0, oldest_seconds: null };
}

/** Clients of the server, whoever they are, and how many it takes. */
export async function selectConnections(tx: MetadataTx): Promise<{ used: number; most: number }> {
  const row = await sql<{ used: number; most: number }>`
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL) AS used,
      current_setting('max_connections')::integer AS most`.execute(tx);
  return row.rows[0] ?? { used: 0, most: 0 };
}
