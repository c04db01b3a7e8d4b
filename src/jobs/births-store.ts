import { sql } from "kysely";
import { type ResultsTx, type Writing, writeTogether } from "../db/results.ts";

export type NewJob = {
  job_id: string;
  input_signature: string;
  params: object;
  inputs: { key: string; molecule_id: string | null; structure_id: string | null; site_id?: string }[];
};

export type NewTask = {
  task_name: string;
  engine: string;
  status: "ready" | "waiting";
  depends_left: number;
  max_attempts: number;
};

export type NewSpec = {
  spec_hash: string;
  pipeline_id: string | null;
  pipeline_version_id: string | null;
  name: string;
  version: string;
  spec: unknown;
};

/** Jobs of one recipe that are born together: what they share, and what each has of its own. */
export type NewJobs = {
  /** Kept where this database does not know it yet. */
  recipe: NewSpec;
  priority: number;
  /** Who is to wait their turn for which engine (`next_rank`); each job has one more than the one before. */
  turn: { source: string; engine: string };
  reuse: boolean;
  batch_id: string | null;
  owner_id: string;
  visibility: string;
  created_at: string;
  tasks: NewTask[];
  jobs: NewJob[];
};

/**
 * Writes jobs and their recipe, then inputs, tasks, first events and what is `told`, which is given the rank of the
 * first job: what all jobs share is said once. In two statements, because a person's rows are judged by policies
 * that look for the job: they see only what an earlier statement wrote.
 */
export async function insertBirths(
  tx: ResultsTx,
  births: NewJobs,
  told: (firstRank: number) => Writing,
): Promise<void> {
  const ids = births.jobs.map(({ job_id }) => job_id);
  const born = [specInsert(births.recipe), jobsInsert(births, ids)];
  const [first] = await writeTogether<{ rank: number }>(tx, born);
  const rest = [inputsInsert(births.jobs), tasksInsert(births, ids), submittedInsert(ids)];
  await writeTogether(tx, [...rest, told(first?.rank ?? 0)]);
}

/** Keeps a recipe that has no job yet. */
export async function insertSpec(tx: ResultsTx, spec: NewSpec): Promise<void> {
  await specInsert(spec)?.execute(tx);
}

function specInsert({ spec_hash, pipeline_id, pipeline_version_id, name, version, spec }: NewSpec): Writing {
  return sql`INSERT INTO pipeline_specs (spec_hash, pipeline_id, pipeline_version_id, name, version, spec)
    VALUES (${spec_hash}, ${pipeline_id}, ${pipeline_version_id}, ${name}, ${version}, ${JSON.stringify(spec)}::jsonb)
    ON CONFLICT (spec_hash) DO NOTHING`;
}

function jobsInsert({ jobs, recipe, ...births }: NewJobs, ids: string[]): Writing {
  return sql`INSERT INTO jobs (job_id, spec_hash, pipeline_id, pipeline_version_id, pipeline_version, status,
      input_signature, params, timings, priority, rank, seq, reuse, batch_id, owner_id, visibility, created_at)
    SELECT j.job_id, ${recipe.spec_hash}, ${recipe.pipeline_id}::uuid, ${recipe.pipeline_version_id}::uuid,
      ${recipe.version}, 'queued', j.input_signature, j.params::jsonb,
      jsonb_build_object('submitted_at', ${births.created_at}::text), ${births.priority}::smallint,
      (SELECT next_rank(${births.turn.source}::uuid, ${births.turn.engine}, ${births.priority}::smallint)) + j.n - 1, 1, ${births.reuse}::boolean, ${births.batch_id}::uuid,
      ${births.owner_id}::uuid, ${births.visibility}, ${births.created_at}::timestamptz
    FROM unnest(${ids}::uuid[], ${jobs.map((job) => job.input_signature)}::text[],
      ${jobs.map((job) => JSON.stringify(job.params))}::text[]) WITH ORDINALITY
      AS j(job_id, input_signature, params, n)
    RETURNING rank`;
}

function inputsInsert(jobs: NewJob[]): Writing {
  const inputs = jobs.flatMap((job) => job.inputs.map((input) => ({ job_id: job.job_id, ...input })));
  if (inputs.length === 0) return undefined;
  return sql`INSERT INTO job_inputs (job_id, key, molecule_id, structure_id, site_id)
    SELECT i.job_id, i.key, i.molecule_id, i.structure_id, i.site_id FROM unnest(${inputs.map((input) => input.job_id)}::uuid[], ${inputs.map((input) => input.key)}::text[],
      ${inputs.map((input) => input.molecule_id)}::uuid[], ${inputs.map((input) => input.structure_id)}::uuid[],
      ${inputs.map((input) => input.site_id ?? null)}::uuid[])
      AS i(job_id, key, molecule_id, structure_id, site_id)`;
}

function tasksInsert({ tasks }: NewJobs, ids: string[]): Writing {
  return sql`INSERT INTO tasks (job_id, task_name, engine, status, depends_left, max_attempts)
    SELECT j.job_id, t.task_name, t.engine, t.status, t.depends_left, t.max_attempts
    FROM unnest(${ids}::uuid[]) AS j(job_id), jsonb_to_recordset(${JSON.stringify(tasks)}::jsonb)
      AS t(task_name text, engine text, status text, depends_left integer, max_attempts integer)`;
}

function submittedInsert(ids: string[]): Writing {
  return sql`INSERT INTO job_events (job_id, seq_no, event)
    SELECT j.job_id, 1, 'submitted' FROM unnest(${ids}::uuid[]) AS j(job_id)`;
}

/** The rank of the first of several jobs that one source, a batch or a person, submits now. */
export async function selectNextRank(
  tx: ResultsTx,
  source: string,
  engine: string,
  priority: number,
): Promise<number> {
  const found = await sql<{ rank: number }>`
    SELECT next_rank(${source}::uuid, ${engine}, ${priority}::smallint) AS rank`.execute(tx);
  return found.rows[0]?.rank ?? 0;
}

/** Tasks of the whole organization that wait or run, counted no further than `most`. */
export async function countOpenTasks(tx: ResultsTx, most: number): Promise<number> {
  const found = await sql<{ count: number }>`SELECT count_open_tasks(${most}::bigint) AS count`.execute(tx);
  return found.rows[0]?.count ?? 0;
}
