import { type RawBuilder, sql } from "kysely";
import type { ResultsTx, Writing } from "../db/results.ts";
import type { Asker } from "./schema.ts";
import { isExpired } from "./stats-store.ts";

export const CACHE_SOURCES = ["run", "ingested"] as const;
export type CacheSource = (typeof CACHE_SOURCES)[number];

/** A row of `result_cache` as it is written. */
export type NewEntry = {
  cache_key: string;
  signature: string;
  pipeline_version: string;
  task_name: string;
  canonical_job_id: string;
  canonical_exec_id: string;
  confidence_score: number;
  checks_passed: number;
  result_hash: string;
  source: CacheSource;
  artifact_map: Record<string, string>;
  metrics_summary: { wall_seconds: number | null; cpu_seconds: number | null };
  signed_document: object;
  private_to: string | null;
};

/** What of an entry decides whether another result takes its place. */
export type StandingEntry = {
  cache_key: string;
  signature: string;
  canonical_job_id: string;
  canonical_exec_id: string;
  confidence_score: number;
  checks_passed: number;
  result_hash: string | null;
  source: CacheSource;
  irreproducible: boolean;
  expired: boolean;
};

const FIELDS = sql`cache_key text, signature text, pipeline_version text, task_name text, canonical_job_id uuid,
  canonical_exec_id uuid, confidence_score float8, checks_passed integer, result_hash text, source text, artifact_map jsonb,
  metrics_summary jsonb, signed_document jsonb, private_to uuid, irreproducible boolean`;

/** Adds entries whose key is free and returns those keys. Waits for one who adds the same key, and then adds nothing. */
export async function insertEntries(
  tx: ResultsTx,
  entries: (NewEntry & { irreproducible: boolean })[],
): Promise<Set<string>> {
  const { rows } = await sql<{ cache_key: string }>`
    INSERT INTO result_cache (cache_key, signature, pipeline_version, task_name, canonical_job_id, canonical_exec_id,
      confidence_score, checks_passed, result_hash, source, artifact_map, metrics_summary, signed_document, private_to,
      irreproducible_at)
    SELECT cache_key, signature, pipeline_version, task_name, canonical_job_id, canonical_exec_id,
      confidence_score, checks_passed, result_hash, source, artifact_map, metrics_summary, signed_document, private_to,
      CASE WHEN irreproducible THEN now() END
    FROM jsonb_to_recordset(${JSON.stringify(entries)}::jsonb) AS e(${FIELDS}) ORDER BY cache_key
    ON CONFLICT (cache_key) DO NOTHING RETURNING cache_key`.execute(tx);
  return new Set(rows.map((row) => row.cache_key));
}

/** Entries under lock, in one order: who would change one of them waits. */
export async function lockEntries(
  tx: ResultsTx,
  keys: string[],
  ttl_days: number | null,
): Promise<Map<string, StandingEntry>> {
  return standing(tx, keys, ttl_days, sql`FOR UPDATE`);
}

/** Entries as they are now. */
export async function selectEntries(
  tx: ResultsTx,
  keys: string[],
  ttl_days: number | null,
): Promise<Map<string, StandingEntry>> {
  return standing(tx, keys, ttl_days, sql``);
}

async function standing(
  tx: ResultsTx,
  keys: string[],
  ttl_days: number | null,
  lock: RawBuilder<unknown>,
): Promise<Map<string, StandingEntry>> {
  if (keys.length === 0) return new Map();
  const { rows } = await sql<StandingEntry>`
    SELECT cache_key, signature, canonical_job_id, canonical_exec_id, confidence_score, checks_passed, result_hash, source,
      irreproducible_at IS NOT NULL AS irreproducible,
      ${isExpired({ ttl_days })} AS expired
    FROM result_cache c WHERE cache_key = ANY (${keys}::text[]) ORDER BY cache_key ${lock}`.execute(tx);
  return new Map(rows.map((row) => [row.cache_key, row]));
}

/** Puts other results in the place of standing ones. How often an entry answered stays its own. */
export async function replaceEntries(
  tx: ResultsTx,
  entries: (NewEntry & { irreproducible: boolean })[],
): Promise<void> {
  if (entries.length === 0) return;
  await sql`UPDATE result_cache c SET pipeline_version = e.pipeline_version, task_name = e.task_name,
      canonical_job_id = e.canonical_job_id, canonical_exec_id = e.canonical_exec_id, confidence_score = e.confidence_score,
      checks_passed = e.checks_passed, result_hash = e.result_hash, source = e.source, artifact_map = e.artifact_map,
      metrics_summary = e.metrics_summary, signed_document = e.signed_document, created_at = now(), last_used_at = now(),
      expires_at = NULL, irreproducible_at = CASE WHEN e.irreproducible THEN coalesce(c.irreproducible_at, now()) END
    FROM jsonb_to_recordset(${JSON.stringify(entries)}::jsonb) AS e(${FIELDS}) WHERE c.cache_key = e.cache_key`.execute(
    tx,
  );
}

/** An entry that answered somebody, and who sees what it answered. */
export type Hit = Pick<Asker, "visibility"> & { cache_key: string };

/** Counts answers, beside what else is written, as `hitsUpdateFrom` does. */
export function hitsUpdate(hits: Hit[]): Writing {
  if (hits.length === 0) return undefined;
  const keys = hits.map(({ cache_key }) => cache_key);
  const inPrivate = hits.map(({ visibility }) => visibility === "private");
  return hitsUpdateFrom(sql`unnest(${keys}::text[], ${inPrivate}::boolean[]) AS f(key, in_private)`);
}

/**
 * Counts answers that a statement finds, in rows with the columns `key` and `in_private`. Everybody in the organization
 * reads how often a shared entry was used, and must not learn that somebody asks in private: that counts on one's own
 * entry alone, whose key names its owner. The time of the last use moves once a minute at most: it is indexed, and an
 * entry that answers thousands of jobs would leave as many dead index rows. Keys that are gone count nothing.
 */
export function hitsUpdateFrom(found: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`UPDATE result_cache c SET hit_count = c.hit_count + h.hits,
      last_used_at = CASE WHEN c.last_used_at < now() - interval '1 minute' THEN now() ELSE c.last_used_at END
    FROM (SELECT k.cache_key, n.hits FROM result_cache k
      JOIN (SELECT key, count(*) AS hits FROM ${found} WHERE NOT in_private OR strpos(key, ':') > 0 GROUP BY key) n ON n.key = k.cache_key
      ORDER BY k.cache_key FOR UPDATE OF k) AS h
    WHERE c.cache_key = h.cache_key`;
}

/** Takes an entry out, unless another result took its place meanwhile. Results stay. Returns whether it went. */
export async function dropEntry(
  tx: ResultsTx,
  entry: { cache_key: string; canonical_exec_id: string },
): Promise<boolean> {
  const gone = await tx
    .deleteFrom("result_cache")
    .where("cache_key", "=", entry.cache_key)
    .where("canonical_exec_id", "=", entry.canonical_exec_id)
    .executeTakeFirst();
  return gone.numDeletedRows > 0n;
}
