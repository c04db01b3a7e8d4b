import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";
import { RETRYABLE_KINDS } from "../errors.ts";

export type FailureFilter = {
  batch_id?: string;
  code?: string;
  since?: string;
  engine?: string;
  /** Retried is what comes after this job. */
  after?: string;
  /** Also what would fail the same way again. */
  force?: boolean;
};

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

/**
 * Items that never had a job: left out when they were added. A duplicate is none: what it is the same as is an item of
 * its own, and would be counted twice where that failed.
 */
function leftOut({ batch_id, code, since }: FailureFilter) {
  const of = [
    ...(batch_id === undefined ? [] : [sql`b.batch_id = ${batch_id}`]),
    ...(since === undefined ? [] : [sql`b.updated_at >= ${since}::timestamptz`]),
    sql`true`,
  ];
  const coded = code === undefined ? sql`` : sql`AND i.error ->> 'code' = ${code}`;
  // One batch after the other, each by its index: the planner would read all items of all.
  return sql`batch_jobs b CROSS JOIN LATERAL (
      SELECT i.batch_id, i.source_row, i.name, i.error, i.created_at FROM batch_items i WHERE i.batch_id = b.batch_id AND i.status = 'skipped'
        AND i.job_id IS NULL AND i.error ->> 'code' NOT IN ('cancelled', 'duplicate') ${coded} OFFSET 0) AS i
    WHERE ${sql.join(of, sql` AND `)}`;
}

/** The same, but nothing where an engine is asked for: nothing that is left out had one. */
function withoutEngine(filter: FailureFilter) {
  return filter.engine === undefined ? leftOut(filter) : sql`batch_jobs b, batch_items i WHERE false`;
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
  batch_id: string | null;
  /** Line or record of its batch's file. */
  source_row: number | null;
  name: string | null;
  smiles: string | null;
  /** The text of what was left out. */
  input: string | null;
  message: string | null;
};

/** The newest few failures of each code, each with how many there are of it. */
export async function selectFailures(
  db: ResultsDb,
  filter: FailureFilter,
  examples: number,
): Promise<FailureRow[]> {
  // Counted first, and only then the newest few of each code: sorting a million for three examples took a minute.
  const result = await sql<FailureRow>`
    WITH jobs_by_code AS (
      SELECT coalesce(j.error ->> 'code', 'internal') AS code, count(*)::int AS count, min(j.updated_at) AS first_at,
        max(j.updated_at) AS last_at FROM ${failedJobs(filter)} GROUP BY 1
    ), items_by_code AS (
      SELECT coalesce(i.error ->> 'code', 'internal') AS code, count(*)::int AS count, min(i.created_at) AS first_at,
        max(i.created_at) AS last_at FROM ${withoutEngine(filter)} GROUP BY 1
    ), examples AS (
      SELECT g.*, false AS left_out, e.* FROM jobs_by_code g CROSS JOIN LATERAL (
        SELECT j.error ->> 'kind' AS kind, j.job_id, NULL::uuid AS given_batch, NULL::bigint AS given_row,
          NULL::text AS given_name, NULL::text AS input, j.error ->> 'message' AS message, j.updated_at AS at
        FROM ${failedJobs(filter)} AND coalesce(j.error ->> 'code', 'internal') = g.code
        ORDER BY j.updated_at DESC, j.job_id LIMIT ${examples}) AS e
      UNION ALL
      SELECT g.*, true, e.* FROM items_by_code g CROSS JOIN LATERAL (
        SELECT NULL::text, NULL::uuid, i.batch_id, i.source_row, i.name, nullif(i.error ->> 'input', ''),
          i.error ->> 'message', i.created_at
        FROM ${withoutEngine(filter)} AND coalesce(i.error ->> 'code', 'internal') = g.code
        ORDER BY i.created_at DESC LIMIT ${examples}) AS e
    )
    SELECT r.code, r.left_out, r.kind, r.count, r.first_at, r.last_at, r.job_id, r.message, m.smiles, r.input,
      coalesce(r.given_batch, item.batch_id) AS batch_id, coalesce(r.given_row, item.source_row)::float8 AS source_row,
      coalesce(r.given_name, item.name) AS name
    FROM examples r
      LEFT JOIN LATERAL (SELECT i.molecule_id FROM job_inputs i WHERE i.job_id = r.job_id AND i.molecule_id IS NOT NULL
        ORDER BY i.structure_id IS NOT NULL, i.key LIMIT 1) AS given ON true
      LEFT JOIN LATERAL (SELECT i.batch_id, i.source_row, i.name FROM batch_items i WHERE i.job_id = r.job_id LIMIT 1) AS item ON true
      LEFT JOIN molecules m ON m.molecule_id = given.molecule_id
    ORDER BY r.count DESC, r.code, r.left_out, r.at DESC, r.job_id`.execute(db);
  return result.rows;
}

export type FailedJob = { job_id: string; batch_id: string | null };

/** By the kind of its error, as a worker decides it too. */
const IS_RETRYABLE = sql`coalesce(j.error ->> 'kind', j.error ->> 'code', 'internal') = ANY (${[...RETRYABLE_KINDS]}::text[])`;
const RESTS = sql`EXISTS (SELECT 1 FROM batch_jobs b WHERE b.batch_id = j.batch_id AND b.status IN ('paused', 'cancelled'))`;

/** Why failed jobs are left alone: an error that would come again, a batch that rests, or another owner. */
export const LEFT_OUT = ["final", "resting", "not_yours"] as const;
export type LeftOut = { code: string; why: (typeof LEFT_OUT)[number]; count: number };

/** Failed jobs that are asked for and would not run again, by code and reason. */
export async function selectLeftOut(db: ResultsDb, filter: FailureFilter): Promise<LeftOut[]> {
  const final = filter.force === true ? sql`false` : sql`NOT (${IS_RETRYABLE})`;
  const result = await sql<LeftOut>`
    SELECT code, why, count(*)::int AS count FROM (
      SELECT coalesce(j.error ->> 'code', 'internal') AS code, CASE WHEN NOT may_write(j.owner_id) THEN 'not_yours'
        WHEN ${RESTS} THEN 'resting' WHEN ${final} THEN 'final' END AS why FROM ${failedJobs(filter)}) AS l
    WHERE why IS NOT NULL GROUP BY 1, 2 ORDER BY count DESC, code, why`.execute(db);
  return result.rows;
}

/**
 * Failed jobs that may run again, oldest first: not those of paused and cancelled batches, nor, unless that is forced,
 * those that would fail the same way.
 */
export async function selectRetryable(
  db: ResultsDb,
  filter: FailureFilter,
  most: number,
): Promise<FailedJob[]> {
  const after =
    filter.after === undefined
      ? sql``
      : sql`AND (j.created_at, j.job_id) > (SELECT a.created_at, a.job_id FROM jobs a WHERE a.job_id = ${filter.after})`;
  const result = await sql<FailedJob>`
    SELECT j.job_id, j.batch_id FROM ${failedJobs(filter)}
      AND may_write(j.owner_id)
      AND NOT ${RESTS} ${filter.force === true ? sql`` : sql`AND ${IS_RETRYABLE}`}
      ${after}
    ORDER BY j.created_at, j.job_id LIMIT ${most}`.execute(db);
  return result.rows;
}
