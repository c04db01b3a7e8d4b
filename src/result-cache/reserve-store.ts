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

export type InFlight = { exec_id: string; signature: string; private_to: string | null };

/** Executions that run now and have reserved one of these signatures. */
export async function selectInFlight(tx: ResultsTx, signatures: string[]): Promise<InFlight[]> {
  const rows = await tx
    .selectFrom("task_executions")
    .select(["exec_id", "signature", "private_to"])
    .where("status", "=", "running")
    .where("signature", "in", signatures)
    .execute();
  return rows as InFlight[];
}

/** Says of running executions what they compute; unique while they run. */
export async function reserveSignatures(
  tx: ResultsTx,
  asks: { exec_id: string; signature: string }[],
): Promise<void> {
  if (asks.length === 0) return;
  await sql`UPDATE task_executions e SET signature = a.signature
    FROM unnest(${asks.map((ask) => ask.exec_id)}::uuid[], ${asks.map((ask) => ask.signature)}::text[]) AS a(exec_id, signature)
    WHERE e.exec_id = a.exec_id AND e.status = 'running'`.execute(tx);
}
