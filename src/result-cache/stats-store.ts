import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";
import type { CachePolicy } from "./schema.ts";

export type StatsRow = {
  pipeline: string;
  task_name: string;
  entries: number;
  hits: number;
  cpu_seconds_saved: number;
  wall_seconds_saved: number;
  expired: number;
  irreproducible: number;
  oldest_created_at: string;
  last_used_at: string;
};

/** An entry `c` that answers no more: past a date of its own, or older than the organization says today. */
export const isExpired = ({ ttl_days }: Pick<CachePolicy, "ttl_days">) =>
  sql<boolean>`(coalesce(c.expires_at <= now(), false)
    OR coalesce(c.created_at <= now() - make_interval(secs => ${ttl_days}::float8 * 86400), false))`;

/** What the entries that the caller sees have saved, by pipeline and task. */
export async function selectStats(db: ResultsDb, policy: Pick<CachePolicy, "ttl_days">): Promise<StatsRow[]> {
  const { rows } = await sql<StatsRow>`
    SELECT s.name AS pipeline, c.task_name, count(*)::integer AS entries, sum(c.hit_count)::float8 AS hits,
      coalesce(sum(c.hit_count * (c.metrics_summary ->> 'cpu_seconds')::float8), 0) AS cpu_seconds_saved,
      coalesce(sum(c.hit_count * (c.metrics_summary ->> 'wall_seconds')::float8), 0) AS wall_seconds_saved,
      (count(*) FILTER (WHERE ${isExpired(policy)}))::integer AS expired,
      count(c.irreproducible_at)::integer AS irreproducible,
      min(c.created_at) AS oldest_created_at, max(c.last_used_at) AS last_used_at
    FROM result_cache c JOIN jobs j ON j.job_id = c.canonical_job_id JOIN pipeline_specs s ON s.spec_hash = j.spec_hash
    GROUP BY s.name, c.task_name ORDER BY s.name, c.task_name`.execute(db);
  return rows;
}

/** Bytes of the files that entries lead to, each file once. */
export async function selectSize(db: ResultsDb): Promise<number> {
  const { rows } = await sql<{ size_bytes: number }>`
    SELECT coalesce(sum(f.size_bytes), 0)::float8 AS size_bytes FROM (
      SELECT DISTINCT o.uri, o.size_bytes FROM result_cache c JOIN job_outputs o ON o.job_id = c.canonical_job_id
      WHERE o.uri IN (SELECT value FROM jsonb_each_text(c.artifact_map))) AS f`.execute(db);
  return rows[0]?.size_bytes ?? 0;
}
