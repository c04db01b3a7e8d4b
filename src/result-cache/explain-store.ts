import { sql } from "kysely";
import type { Canonical } from "../canonical.ts";
import type { ResultsDb } from "../db/results.ts";
import type { TASK_STATUSES } from "../jobs/schema.ts";

export type ExplainedTask = {
  task_name: string;
  engine: string;
  status: (typeof TASK_STATUSES)[number];
  signature: string | null;
  exec_id: string | null;
  reuse: boolean;
  visibility: string;
  /** The execution that answered it. */
  from_exec_id: string | null;
  from_job_id: string | null;
  from_task_name: string | null;
};

/** Tasks of a job that the caller may see, those that had a signature first. */
export async function selectExplainedTasks(db: ResultsDb, jobId: string): Promise<ExplainedTask[]> {
  const { rows } = await sql<ExplainedTask>`
    SELECT t.task_name, t.engine, t.status, coalesce(e.signature, t.signature) AS signature, e.exec_id, j.reuse, j.visibility,
      o.exec_id AS from_exec_id, o.job_id AS from_job_id, o.task_name AS from_task_name
    FROM jobs j JOIN tasks t ON t.job_id = j.job_id
    LEFT JOIN task_executions e ON e.exec_id = t.current_exec_id
    LEFT JOIN task_executions o ON o.exec_id = e.cached_from
    WHERE j.job_id = ${jobId}
    ORDER BY coalesce(e.signature, t.signature) IS NULL, t.depends_left, e.started_at, t.task_name`.execute(
    db,
  );
  return rows;
}

export type Candidate = {
  cache_key: string;
  signature: string;
  task_name: string;
  canonical_job_id: string;
  canonical_exec_id: string;
  confidence_score: number;
  signed_document: { [key: string]: Canonical } | null;
  irreproducible: boolean;
  created_at: string;
};

const COLUMNS = sql`c.cache_key, c.signature, c.task_name, c.canonical_job_id, c.canonical_exec_id, c.confidence_score,
  c.signed_document, c.irreproducible_at IS NOT NULL AS irreproducible, c.created_at`;

/** Entries of a signature that the caller may be answered by. */
export async function selectBySignature(db: ResultsDb, signature: string): Promise<Candidate[]> {
  const { rows } = await sql<Candidate>`
    SELECT ${COLUMNS} FROM result_cache c WHERE c.signature = ${signature} ORDER BY c.cache_key`.execute(db);
  return rows;
}

const MOST = 200;

/** Entries that may be near a task: of the same molecule or structure, and the latest of the same name. */
export async function selectCandidates(
  db: ResultsDb,
  task: { job_id: string; task_name: string },
): Promise<Candidate[]> {
  const { rows } = await sql<Candidate>`
    (SELECT ${COLUMNS} FROM result_cache c WHERE c.task_name = ${task.task_name} ORDER BY c.created_at DESC LIMIT ${MOST})
    UNION ALL
    (SELECT ${COLUMNS} FROM job_inputs i JOIN job_inputs o ON o.molecule_id = i.molecule_id
      JOIN result_cache c ON c.canonical_job_id = o.job_id WHERE i.job_id = ${task.job_id} LIMIT ${MOST})
    UNION ALL
    (SELECT ${COLUMNS} FROM job_inputs i JOIN job_inputs o ON o.structure_id = i.structure_id
      JOIN result_cache c ON c.canonical_job_id = o.job_id WHERE i.job_id = ${task.job_id} LIMIT ${MOST})`.execute(
    db,
  );
  return [...new Map(rows.map((row) => [row.cache_key, row])).values()];
}
