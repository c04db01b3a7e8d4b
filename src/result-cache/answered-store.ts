import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";
import { hitsUpdateFrom } from "./entries-store.ts";
import type { EntryBytes } from "./prune-store.ts";
import { mayAnswer } from "./reserve-store.ts";
import type { Asker, CachePolicy } from "./schema.ts";

export type AnsweringJob = { input_signature: string; job_id: string };

/**
 * Completed jobs that asked the same questions and may answer this asker, the latest of each: the organization's,
 * and for a private submission the asker's own; never a colleague's private one, also where an admin could see it.
 * Each of their tasks must be one that the cache would answer now, by a result of the program's version that workers
 * have: what was pruned, disputed or lost its bytes answers no job either. The task's own execution says of which:
 * a person may write a task, and only a worker an execution. The entries behind them are counted as hits, where
 * they may be.
 */
export async function countAnsweringJobs(
  tx: ResultsTx,
  signatures: string[],
  asker: Asker,
  policy: CachePolicy,
): Promise<AnsweringJob[]> {
  const own = asker.visibility === "private" ? asker.owner_id : null;
  const counted = hitsUpdateFrom(
    sql`(SELECT unnest(cache_keys) AS key, ${own !== null}::boolean AS in_private FROM found) AS f`,
  );
  const { rows } = await sql<AnsweringJob>`WITH found AS MATERIALIZED (
    SELECT DISTINCT ON (j.input_signature) j.input_signature, j.job_id, k.cache_keys FROM jobs j
    CROSS JOIN LATERAL (SELECT array_agg(e.cache_key) AS cache_keys, bool_and(e.cache_key IS NOT NULL) AS answered
      FROM tasks t LEFT JOIN LATERAL (SELECT c.cache_key FROM result_cache c
        JOIN task_results r ON r.exec_id = c.canonical_exec_id
        JOIN task_executions x ON x.exec_id = t.current_exec_id AND x.job_id = t.job_id AND x.task_name = t.task_name
          AND x.status = 'completed'
          AND (x.signature = c.signature OR coalesce(x.cached_from, x.exec_id) = c.canonical_exec_id)
        WHERE t.status = 'completed' AND c.cache_key IN (t.signature, t.signature || ':' || ${own}::text) AND ${mayAnswer(policy)}
          AND r.service_name = coalesce(${JSON.stringify(policy.programs)}::jsonb ->> t.engine, r.service_name)
        ORDER BY c.cache_key LIMIT 1) AS e ON true
      WHERE t.job_id = j.job_id) AS k
    WHERE j.status = 'completed' AND j.input_signature = ANY (${signatures}::text[])
      AND (j.visibility = 'organization' OR j.owner_id = ${own}::uuid) AND k.answered
    ORDER BY j.input_signature, j.created_at DESC), counted AS (${counted})
    SELECT input_signature, job_id FROM found`.execute(tx);
  return rows;
}

/** Entries with files that may stand behind the answers to questions, also those that would not answer now. */
export async function selectEntriesOfQuestions(
  db: ResultsDb,
  signatures: string[],
  userId: string,
): Promise<EntryBytes[]> {
  const { rows } = await sql<EntryBytes>`
    SELECT DISTINCT ON (c.cache_key) c.cache_key, c.canonical_exec_id, c.artifact_map
    FROM jobs j JOIN tasks t ON t.job_id = j.job_id
    JOIN result_cache c ON c.cache_key IN (t.signature, t.signature || ':' || ${userId}::text)
    WHERE j.status = 'completed' AND j.input_signature = ANY (${signatures}::text[]) AND c.artifact_map <> '{}'`.execute(
    db,
  );
  return rows;
}
