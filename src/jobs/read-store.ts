import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";
import type { PageWish } from "../paging.ts";
import type { JobDetail, JobEvent, JobRow, JobStatus } from "./schema.ts";

const COLUMNS = [
  "j.job_id",
  "j.pipeline",
  "j.pipeline_version",
  "m.molecule_id",
  "m.smiles",
  "m.name",
  "j.status",
  "j.params",
  "j.timings",
  "j.metrics",
  "j.error",
  "j.priority",
  "j.batch_id",
  "j.owner_id",
  "j.visibility",
  "j.created_at",
  "j.updated_at",
] as const;

function chosen(db: ResultsDb) {
  return db
    .selectFrom("jobs as j")
    .innerJoin("pipeline_specs as s", "s.spec_hash", "j.spec_hash")
    .selectAll("j")
    .select("s.name as pipeline");
}

/** What a job computes: a molecule, or that of a structure. */
const OF_MOLECULE = sql<string | null>`(
  SELECT coalesce(i.molecule_id, (SELECT t.molecule_id FROM structures t WHERE t.structure_id = i.structure_id))
  FROM job_inputs i WHERE i.job_id = j.job_id ORDER BY i.molecule_id IS NULL, i.key LIMIT 1)`;

/**
 * Rows of jobs that were chosen, each with what it computes: looked up one by one, for those alone. Of a molecule, and
 * of what people call it, the asker is told what row security shows.
 */
function described(db: ResultsDb, jobs: ReturnType<typeof chosen>) {
  return db
    .selectFrom(jobs.as("j"))
    .leftJoinLateral(
      (eb) =>
        eb
          .selectFrom("molecules as m")
          .select(["m.molecule_id", "m.smiles"])
          .select(
            sql<string | null>`(SELECT r.name FROM registrations r WHERE r.molecule_id = m.molecule_id
              AND r.name IS NOT NULL ORDER BY r.created_at LIMIT 1)`.as("name"),
          )
          .where("m.molecule_id", "=", OF_MOLECULE)
          // Kept apart by it: as a join the planner reads all molecules for a page.
          .limit(1)
          .as("m"),
      (on) => on.onTrue(),
    )
    .select(COLUMNS);
}

export type JobFilter = PageWish & {
  status?: string;
  job_ids?: string[];
  params?: object;
  pipeline?: string;
  batch_id?: string;
  since?: string;
  owner_id?: string;
};

/** Jobs, newest first, by keyset. */
export async function selectJobs(db: ResultsDb, filter: JobFilter): Promise<JobRow[]> {
  let query = chosen(db).orderBy("j.created_at", "desc").orderBy("j.job_id", "desc").limit(filter.limit);
  if (filter.status !== undefined) query = query.where("j.status", "=", filter.status);
  if (filter.job_ids !== undefined) query = query.where("j.job_id", "in", filter.job_ids);
  if (filter.pipeline !== undefined) query = query.where("s.name", "=", filter.pipeline);
  if (filter.batch_id !== undefined) query = query.where("j.batch_id", "=", filter.batch_id);
  if (filter.since !== undefined) query = query.where("j.created_at", ">=", filter.since);
  if (filter.owner_id !== undefined) query = query.where("j.owner_id", "=", filter.owner_id);
  // Under row security no index serves @>: a function that asks the same rule has it, and gives ids.
  if (filter.params !== undefined)
    query = query.where(
      sql<boolean>`j.job_id = ANY (ARRAY(SELECT search_jobs(${JSON.stringify(filter.params)}::jsonb)))`,
    );
  if (filter.before !== undefined) {
    const { at, id } = filter.before;
    query = query.where(sql<boolean>`(j.created_at, j.job_id) < (${at}::timestamptz, ${id}::uuid)`);
  }
  const rows = await described(db, query)
    .orderBy("j.created_at", "desc")
    .orderBy("j.job_id", "desc")
    .execute();
  return rows as JobRow[];
}

export async function selectOptionalJob(db: ResultsDb, jobId: string): Promise<JobRow | undefined> {
  const one = chosen(db).where("j.job_id", "=", jobId);
  return (await described(db, one).executeTakeFirst()) as JobRow | undefined;
}

/**
 * Everything that hangs on a job, for `job show`. A job may be seen by more people than what it was given: ids of
 * molecules, structures and sites that row security hides from the asker are null.
 */
export async function selectJobParts(db: ResultsDb, jobId: string) {
  const [tasks, executions] = [await selectTasks(db, jobId), await selectExecutions(db, jobId)];
  const inputs = await db
    .selectFrom("job_inputs as i")
    .leftJoin("molecules as m", "m.molecule_id", "i.molecule_id")
    .leftJoin("structures as s", "s.structure_id", "i.structure_id")
    .leftJoin("binding_sites as b", "b.site_id", "i.site_id")
    .select(["i.job_id", "i.key", "i.uri", "i.content_type", "i.size_bytes", "i.checksum", "i.created_at"])
    .select(["m.molecule_id", "s.structure_id", "b.site_id"])
    .where("i.job_id", "=", jobId)
    .orderBy("i.key")
    .execute();
  const outputs = await selectOutputs(db, jobId);
  const events = await db
    .selectFrom("job_events")
    .selectAll()
    .where("job_id", "=", jobId)
    .orderBy("seq_no")
    .execute();
  return {
    tasks,
    inputs,
    outputs,
    events,
    executions,
    protocols: await selectProtocolsOfTasks(db, executions),
  };
}

/** Files that a job left, by name. */
export function selectOutputs(db: ResultsDb, jobId: string) {
  return db
    .selectFrom("job_outputs as o")
    .leftJoin("molecules as m", "m.molecule_id", "o.molecule_id")
    .leftJoin("structures as s", "s.structure_id", "o.structure_id")
    .select(["o.job_id", "o.key", "o.uri", "o.content_type", "o.size_bytes", "o.checksum", "o.created_at"])
    .select(["m.molecule_id", "s.structure_id"])
    .where("o.job_id", "=", jobId)
    .orderBy("o.key")
    .execute();
}

type Execution = Awaited<ReturnType<typeof selectExecutions>>[number];

/** What the results of a job's tasks stand under, its own and those that answered it, as the tasks ran. */
async function selectProtocolsOfTasks(
  db: ResultsDb,
  executions: Execution[],
): Promise<JobDetail["protocols"]> {
  const done = executions
    .filter(({ status }) => status === "completed")
    .map((row) => ({
      task_name: row.task_name,
      exec_id: row.cached_from ?? row.exec_id,
      of_job_id: row.cached_from_job_id ?? row.job_id,
      of_task_name: row.cached_from_task_name ?? row.task_name,
    }));
  if (done.length === 0) return [];
  const { rows } = await sql<JobDetail["protocols"][number]>`
    SELECT k.task_name, p.protocol_id, p.task, p.program, p.program_version
    FROM ROWS FROM (jsonb_to_recordset(${JSON.stringify(done)}::jsonb)
      AS (task_name text, exec_id uuid, of_job_id uuid, of_task_name text))
      WITH ORDINALITY AS k(task_name, exec_id, of_job_id, of_task_name, place)
    JOIN protocols p ON p.protocol_id = coalesce(
      (SELECT c.protocol_id FROM calculations c WHERE c.calculation_id = (
        SELECT (r.result_data ->> 'calculation_id')::uuid FROM task_results r WHERE r.exec_id = k.exec_id)),
      (SELECT d.protocol_id FROM docking_results d
        WHERE d.job_id = k.of_job_id AND d.task_name = k.of_task_name LIMIT 1))
    ORDER BY k.place`.execute(db);
  return rows;
}

/** With the recipe, and what keeps a ready one from running: a time, or an identical one of another job. */
async function selectTasks(db: ResultsDb, jobId: string) {
  return db
    .selectFrom("tasks as t")
    .innerJoin("jobs as j", "j.job_id", "t.job_id")
    .innerJoin("pipeline_specs as s", "s.spec_hash", "j.spec_hash")
    .selectAll("t")
    .select("s.spec")
    .select(
      sql<string | null>`CASE WHEN t.status = 'ready' AND t.available_at > now() THEN t.available_at END`.as(
        "next_attempt_at",
      ),
    )
    .select(
      sql<string | null>`CASE WHEN t.status = 'ready' AND t.signature IS NOT NULL THEN (SELECT e.job_id
        FROM task_executions e WHERE e.signature = t.signature AND e.status = 'running' LIMIT 1) END`.as(
        "behind_job_id",
      ),
    )
    .where("t.job_id", "=", jobId)
    .orderBy("t.task_name")
    .execute();
}

async function selectExecutions(db: ResultsDb, jobId: string) {
  return db
    .selectFrom("task_executions as e")
    .leftJoin("task_executions as c", "c.exec_id", "e.cached_from")
    .selectAll("e")
    .select(["c.job_id as cached_from_job_id", "c.task_name as cached_from_task_name"])
    .where("e.job_id", "=", jobId)
    .orderBy("e.exec_id")
    .execute();
}

/** Attempts at a job's tasks as they began, as far as a log needs them. */
export async function selectRuns(db: ResultsDb, jobId: string) {
  return db
    .selectFrom("task_executions as e")
    .leftJoin("task_executions as c", "c.exec_id", "e.cached_from")
    .select([
      "e.exec_id",
      "e.task_name",
      "e.attempt",
      "e.status",
      "e.logs_uri",
      "c.job_id as cached_from_job_id",
    ])
    .where("e.job_id", "=", jobId)
    .orderBy("e.exec_id")
    .execute();
}

/** How these jobs stand; those that the asker can't see are left out. */
export async function selectStates(
  db: ResultsDb,
  jobIds: string[],
): Promise<{ job_id: string; status: JobStatus }[]> {
  const rows = await db
    .selectFrom("jobs")
    .select(["job_id", "status"])
    .where(sql<boolean>`job_id = ANY (${jobIds}::uuid[])`)
    .orderBy("job_id")
    .execute();
  return rows as { job_id: string; status: JobStatus }[];
}

/**
 * Events of jobs, each after the number that is known of it, in the order in which they happened. Of one job that is
 * the order of their numbers: a time is that of a transaction's begin, and may be earlier than the one before.
 */
export async function selectEventsAfter(
  db: ResultsDb,
  jobIds: string[],
  after: number[],
): Promise<JobEvent[]> {
  const found = await sql<JobEvent>`
    SELECT e.job_id, e.seq_no, e.ts, e.event, e.detail, e.metadata
    FROM unnest(${jobIds}::uuid[], ${after}::bigint[]) AS k(job_id, seq_no)
    JOIN job_events e ON e.job_id = k.job_id AND e.seq_no > k.seq_no
    ORDER BY max(e.ts) OVER (PARTITION BY e.job_id ORDER BY e.seq_no), e.job_id, e.seq_no LIMIT 10000`.execute(
    db,
  );
  return found.rows;
}
