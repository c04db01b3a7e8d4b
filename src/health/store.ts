import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";

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
