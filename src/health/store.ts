import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { ResultsScope } from "../db/results.ts";

/** Workers that were seen within `alive_seconds`. */
export async function countAlive(tx: MetadataTx, alive_seconds: number): Promise<number> {
  const row = await tx
    .selectFrom("workers")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("last_seen_at", ">", sql<string>`now() - make_interval(secs => ${alive_seconds})`)
    .executeTakeFirstOrThrow();
  return row.count;
}

export async function selectServerVersion(tx: MetadataTx): Promise<string | undefined> {
  const row = await sql<{ server_version: string }>`SHOW server_version`.execute(tx);
  return row.rows[0]?.server_version;
}

export type OutboxHealth = {
  waiting: number;
  oldest_seconds: number | null;
  /** Rows that were set aside since the last reindex, and repairs that were made, within a day. */
  refused: number;
  repaired: number;
};

/** Facts of an organization that nobody took to the metadata database yet, and what went wrong with them lately. */
export async function selectOutboxHealth(
  { tx }: ResultsScope,
  words: { refused: string; repaired: string; reindexed: string },
): Promise<OutboxHealth> {
  const row = await sql<OutboxHealth>`
    SELECT o.waiting, o.oldest_seconds, e.refused, e.repaired
    FROM (SELECT count(*) AS waiting, extract(epoch FROM now() - min(created_at))::float8 AS oldest_seconds
        FROM outbox WHERE relayed_at IS NULL) AS o,
      (SELECT count(*) FILTER (WHERE error_code = ${words.refused} AND ts > (
          SELECT coalesce(max(ts), '-infinity') FROM event_logs WHERE event_type = 'performance_metric'
            AND status = ${words.reindexed} AND user_id IS NULL AND ts > now() - interval '1 day')) AS refused,
          count(*) FILTER (WHERE error_code = ${words.repaired}) AS repaired
        -- People may write events too, in their own name.
        FROM event_logs WHERE event_type = 'error' AND user_id IS NULL AND ts > now() - interval '1 day') AS e`.execute(
    tx,
  );
  return row.rows[0] ?? { waiting: 0, oldest_seconds: null, refused: 0, repaired: 0 };
}

/** One engine's part of the queue. */
export type EngineHealth = {
  engine: string;
  queued: number;
  leased: number;
  expired: number;
  oldest_seconds: number | null;
  resting: number;
  workers: number;
};

/** Depth and age of the queue by engine, leases that ran out, lanes that rest, and workers alive that have it. */
export async function selectEngineHealth(tx: MetadataTx, alive_seconds: number): Promise<EngineHealth[]> {
  const found = await sql<EngineHealth>`
    SELECT engine, sum(queued)::int AS queued, sum(leased)::int AS leased, sum(expired)::int AS expired,
      max(oldest_seconds) AS oldest_seconds, sum(resting)::int AS resting, sum(workers)::int AS workers
    FROM (
      SELECT engine, count(*) AS queued, count(lease_owner) AS leased,
        count(*) FILTER (WHERE lease_expires_at < now()) AS expired,
        extract(epoch FROM now() - min(available_at) FILTER (WHERE lease_owner IS NULL))::float8 AS oldest_seconds,
        0 AS resting, 0 AS workers
      FROM task_queue GROUP BY engine
      UNION ALL
      SELECT engine, 0, 0, 0, NULL, count(*), 0 FROM queue_lanes WHERE available_at > now() AND is_active GROUP BY engine
      UNION ALL
      SELECT e, 0, 0, 0, NULL, 0, count(*) FROM workers, unnest(engines) AS e
        WHERE last_seen_at > now() - make_interval(secs => ${alive_seconds}) GROUP BY e) AS parts
    GROUP BY engine ORDER BY engine`.execute(tx);
  return found.rows;
}

/** Clients of the server, whoever they are, and how many it takes. */
export async function selectConnections(tx: MetadataTx): Promise<{ used: number; most: number }> {
  const row = await sql<{ used: number; most: number }>`
    SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL) AS used,
      current_setting('max_connections')::integer AS most`.execute(tx);
  return row.rows[0] ?? { used: 0, most: 0 };
}
