import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";
import type { CacheEntry, CachePolicy } from "./schema.ts";
import { isExpired } from "./stats-store.ts";

/**
 * An entry `c` that may answer now: sure enough, not too old as the organization says today, not past a date of its
 * own, and not given another result.
 */
export const mayAnswer = (policy: Pick<CachePolicy, "threshold" | "ttl_days">) =>
  sql<boolean>`(c.confidence_score >= ${policy.threshold} AND c.irreproducible_at IS NULL AND NOT ${isExpired(policy)})`;

/** Entries of these keys that may answer now, by key. */
export async function selectAnswers(
  tx: ResultsTx,
  keys: string[],
  policy: CachePolicy,
): Promise<Map<string, CacheEntry>> {
  const { rows } = await sql<CacheEntry>`
    SELECT c.cache_key, c.signature, c.task_name, c.canonical_job_id, c.canonical_exec_id, c.confidence_score, c.artifact_map,
      r.result_data, (c.metrics_summary ->> 'wall_seconds')::float8 AS wall_seconds,
      (c.metrics_summary ->> 'cpu_seconds')::float8 AS cpu_seconds
    FROM result_cache c JOIN task_results r ON r.exec_id = c.canonical_exec_id
    WHERE c.cache_key = ANY (${keys}::text[]) AND ${mayAnswer(policy)}`.execute(tx);
  return new Map(rows.map((row) => [row.cache_key, row]));
}

/**
 * Whoever asks about a signature next waits for the end of this transaction. In one order, so that two that ask
 * about the same ones don't wait in a circle. Without it the unique index would abort the second of two.
 */
export async function lockSignatures(tx: ResultsTx, signatures: string[]): Promise<void> {
  const sorted = [...new Set(signatures)].toSorted();
  await sql`SELECT pg_advisory_xact_lock(hashtextextended('aliquot.signature.' || s, 0)) FROM unnest(${sorted}::text[]) AS s`.execute(
    tx,
  );
}

export type InFlight = {
  exec_id: string;
  signature: string;
  private_to: string | null;
  job_id: string;
  task_name: string;
  /** It has run for longer than a lone look takes: its worker may have vanished. */
  is_old: boolean;
};

/** So long a running execution is believed without a look at who has its task. */
const FRESH = sql`interval '10 s'`;

/**
 * Executions that run now and have reserved one of these signatures. One that its task does not run by stands for
 * nothing: nobody will ever end it.
 */
export async function selectInFlight(tx: ResultsTx, signatures: string[]): Promise<InFlight[]> {
  const { rows } = await sql<InFlight>`
    SELECT e.exec_id, e.signature, e.private_to, e.job_id, e.task_name, e.started_at < now() - ${FRESH} AS is_old
    FROM task_executions e
    JOIN tasks t ON t.job_id = e.job_id AND t.task_name = e.task_name AND t.current_exec_id = e.exec_id
      AND t.status = 'running'
    WHERE e.status = 'running' AND e.signature = ANY (${signatures}::text[])`.execute(tx);
  return rows;
}

/** Closes executions that hold one of these signatures while their tasks run by others, or not at all. */
export async function closeStranded(tx: ResultsTx, signatures: string[]): Promise<void> {
  if (signatures.length === 0) return;
  await sql`UPDATE task_executions e SET status = 'lost', ended_at = now(), error_kind = 'lost_lease'
    WHERE e.exec_id IN (SELECT x.exec_id FROM task_executions x
      WHERE x.status = 'running' AND x.signature = ANY (${signatures}::text[]) AND NOT EXISTS (SELECT FROM tasks t
        WHERE t.job_id = x.job_id AND t.task_name = x.task_name AND t.current_exec_id = x.exec_id AND t.status = 'running')
      ORDER BY x.exec_id FOR UPDATE OF x)`.execute(tx);
}

/** Says of running executions what they compute, in one order; unique while they run. */
export async function reserveSignatures(
  tx: ResultsTx,
  asks: { exec_id: string; signature: string }[],
): Promise<void> {
  if (asks.length === 0) return;
  await sql`UPDATE task_executions e SET signature = a.signature
    FROM (SELECT x.exec_id, k.signature FROM task_executions x
      JOIN unnest(${asks.map((ask) => ask.exec_id)}::uuid[], ${asks.map((ask) => ask.signature)}::text[]) AS k(exec_id, signature)
        ON k.exec_id = x.exec_id
      WHERE x.status = 'running' ORDER BY x.exec_id FOR UPDATE OF x) AS a
    WHERE e.exec_id = a.exec_id`.execute(tx);
}
