import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";

export type FailureFilter = { batch_id?: string; code?: string; since?: string; engine?: string };

/** Failed jobs that are asked for. */
function failedJobs({ batch_id, code, since, engine }: FailureFilter) {
  const of = [
    sql`j.status = 'failed'`,
    ...(batch_id === undefined ? [] : [sql`j.batch_id = ${batch_id}`]),
    ...(code === undefined ? [] : [sql`coalesce(j.error ->> 'code', 'internal') = ${code}`]),
    ...(since === undefined ? [] : [sql`j.updated_at >= ${since}::timestamptz`]),
    ...(engine === undefined
      ? []
      : [
          sql`EXISTS (SELECT 1 FROM tasks t WHERE t.job_id = j.job_id AND t.status = 'failed' AND t.engine = ${engine})`,
        ]),
  ];
  return sql`jobs j WHERE ${sql.join(of, sql` AND `)}`;
}

/** Items that never had a job: left out when they were added. */
function leftOut({ batch_id, code, since }: FailureFilter) {
  const of = [
    ...(batch_id === undefined ? [] : [sql`b.batch_id = ${batch_id}`]),
    ...(since === undefined ? [] : [sql`b.updated_at >= ${since}::timestamptz`]),
    sql`true`,
  ];
  const coded = code === undefined ? sql`` : sql`AND i.error ->> 'code' = ${code}`;
  // One batch after the other, each by its index: the planner would read all items of all.
  return sql`batch_jobs b CROSS JOIN LATERAL (
      SELECT i.name, i.error, i.created_at FROM batch_items i WHERE i.batch_id = b.batch_id AND i.status = 'skipped'
        AND i.job_id IS NULL AND i.error ->> 'code' <> 'cancelled' ${coded} OFFSET 0) AS i
    WHERE ${sql.join(of, sql` AND `)}`;
}

export type FailureRow = {
  code: string;
  /** True: found when it was read, so it never had a job. */
  left_out: boolean;
  kind: string | null;
  count: number;
  first_at: string;
  last_at: string;
  job_id: string | null;
  name: string | null;
  smiles: string | null;
  message: string | null;
};

/** The newest few failures of each code, each with how many there are of it. */
export async function selectFailures(
  db: ResultsDb,
  filter: FailureFilter,
  examples: number,
): Promise<FailureRow[]> {
  // Nothing that is left out had an engine.
  const withoutEngine =
    filter.engine === undefined ? leftOut(filter) : sql`batch_jobs b, batch_items i WHERE false`;
  const result = await sql<FailureRow>`
    WITH found AS (
      SELECT coalesce(j.error ->> 'code', 'internal') AS code, false AS left_out, j.error ->> 'kind' AS kind, j.job_id,
        NULL::text AS name, j.error ->> 'message' AS message, j.updated_at AS at FROM ${failedJobs(filter)}
      UNION ALL
      SELECT coalesce(i.error ->> 'code', 'internal'), true, NULL, NULL, i.name, i.error ->> 'message', i.created_at
        FROM ${withoutEngine}
    ), ranked AS (
      SELECT f.*, row_number() OVER (PARTITION BY code, left_out ORDER BY at DESC, job_id) AS place,
        count(*) OVER same AS count, min(at) OVER same AS first_at, max(at) OVER same AS last_at
      FROM found f WINDOW same AS (PARTITION BY code, left_out)
    )
    SELECT r.code, r.left_out, r.kind, r.count::int AS count, r.first_at, r.last_at, r.job_id, r.message, m.smiles,
      coalesce(r.name, item.name) AS name
    FROM ranked r
      LEFT JOIN LATERAL (SELECT i.molecule_id FROM job_inputs i WHERE i.job_id = r.job_id AND i.molecule_id IS NOT NULL
        ORDER BY i.structure_id IS NOT NULL, i.key LIMIT 1) AS given ON true
      LEFT JOIN LATERAL (SELECT i.name FROM batch_items i WHERE i.job_id = r.job_id LIMIT 1) AS item ON true
      LEFT JOIN molecules m ON m.molecule_id = given.molecule_id
    WHERE r.place <= ${examples}
    ORDER BY r.count DESC, r.code, r.left_out, r.place`.execute(db);
  return result.rows;
}

/** Failed jobs that may run again, oldest first: those of paused and cancelled batches may not. */
export async function selectFailedJobIds(
  db: ResultsDb,
  filter: FailureFilter,
  most: number,
): Promise<string[]> {
  const result = await sql<{ job_id: string }>`
    SELECT j.job_id FROM ${failedJobs(filter)}
      AND may_write(j.owner_id)
      AND NOT EXISTS (SELECT 1 FROM batch_jobs b WHERE b.batch_id = j.batch_id AND b.status IN ('paused', 'cancelled'))
    ORDER BY j.created_at, j.job_id LIMIT ${most}`.execute(db);
  return result.rows.map((row) => row.job_id);
}
