import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";
import type { JobFact } from "../outbox.ts";
import type { PageWish } from "../paging.ts";
import type { JobRow, JobStatus } from "./schema.ts";

export type NewJob = {
  job_id: string;
  spec_hash: string;
  pipeline_id: string;
  pipeline_version_id: string;
  pipeline_version: string;
  status: JobStatus;
  input_signature: string;
  params: unknown;
  priority: number;
  rank: number;
  seq: number;
  owner_id: string;
  visibility: string;
  created_at: string;
};

export type NewInput = {
  job_id: string;
  key: string;
  molecule_id: string | null;
  structure_id: string | null;
  site_id: string | null;
};
export type NewTask = {
  job_id: string;
  task_name: string;
  engine: string;
  status: string;
  depends_left: number;
  max_attempts: number;
};
export type NewEvent = { job_id: string; seq_no: number; event: string; detail?: string; metadata?: object };

/** Many rows in one statement each: a submission of 1,000 is five statements, not five thousand. */
export async function insertJobs(tx: ResultsTx, jobs: NewJob[]): Promise<void> {
  await sql`INSERT INTO jobs (job_id, spec_hash, pipeline_id, pipeline_version_id, pipeline_version, status, input_signature,
      params, timings, priority, rank, seq, owner_id, visibility, created_at)
    SELECT job_id, spec_hash, pipeline_id, pipeline_version_id, pipeline_version, status, input_signature, params,
      jsonb_build_object('submitted_at', created_at), priority, rank, seq, owner_id, visibility, created_at
    FROM jsonb_to_recordset(${JSON.stringify(jobs)}::jsonb) AS j(job_id uuid, spec_hash text, pipeline_id uuid,
      pipeline_version_id uuid, pipeline_version text, status text, input_signature text, params jsonb,
      priority smallint, rank bigint, seq bigint, owner_id uuid, visibility text, created_at timestamptz)`.execute(
    tx,
  );
}

export async function insertInputs(tx: ResultsTx, inputs: NewInput[]): Promise<void> {
  await sql`INSERT INTO job_inputs (job_id, key, molecule_id, structure_id, site_id)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(inputs)}::jsonb)
      AS i(job_id uuid, key text, molecule_id uuid, structure_id uuid, site_id uuid)`.execute(tx);
}

export async function insertTasks(tx: ResultsTx, tasks: NewTask[]): Promise<void> {
  await sql`INSERT INTO tasks (job_id, task_name, engine, status, depends_left, max_attempts)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(tasks)}::jsonb)
      AS t(job_id uuid, task_name text, engine text, status text, depends_left integer, max_attempts integer)`.execute(
    tx,
  );
}

export type NewOutput = {
  job_id: string;
  /** Task and file, `dock/poses.sdf`. */
  key: string;
  uri: string;
  content_type: string;
  size_bytes: number;
  checksum: string;
  molecule_id: string | null;
  structure_id: string | null;
};

/** The files that a finished task keeps; what else an output carries is left out. */
export async function insertOutputs(tx: ResultsTx, outputs: NewOutput[]): Promise<void> {
  if (outputs.length === 0) return;
  await sql`INSERT INTO job_outputs (job_id, key, uri, content_type, size_bytes, checksum, molecule_id, structure_id)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(outputs)}::jsonb) AS o(job_id uuid, key text, uri text,
      content_type text, size_bytes bigint, checksum text, molecule_id uuid, structure_id uuid)`.execute(tx);
}

export async function insertEvents(tx: ResultsTx, events: NewEvent[]): Promise<void> {
  if (events.length === 0) return;
  await sql`INSERT INTO job_events (job_id, seq_no, event, detail, metadata)
    SELECT job_id, seq_no, event, detail, coalesce(metadata, '{}') FROM jsonb_to_recordset(${JSON.stringify(events)}::jsonb)
      AS e(job_id uuid, seq_no bigint, event text, detail text, metadata jsonb)`.execute(tx);
}

export async function insertSpec(
  tx: ResultsTx,
  spec: {
    spec_hash: string;
    pipeline_id: string;
    pipeline_version_id: string;
    name: string;
    version: string;
    spec: unknown;
  },
): Promise<void> {
  await tx
    .insertInto("pipeline_specs")
    .values({ ...spec, spec: sql`${JSON.stringify(spec.spec)}::jsonb` })
    .onConflict((oc) => oc.column("spec_hash").doNothing())
    .execute();
}

/** Below this share of passed checks a result answers no other job. */
const REUSE_CONFIDENCE = 0.8;

/**
 * Completed jobs that asked the same questions and may answer this asker: the organization's, and for a
 * private submission the asker's own; never a colleague's private one, also where an admin could see it.
 * The latest of each.
 */
export async function selectCompletedBySignature(
  tx: ResultsDb,
  signatures: string[],
  asker: { owner_id: string; visibility: "private" | "organization" },
): Promise<{ input_signature: string; job_id: string }[]> {
  if (signatures.length === 0) return [];
  const own =
    asker.visibility === "private" ? sql<boolean>`owner_id = ${asker.owner_id}` : sql<boolean>`false`;
  const seen = sql<boolean>`(visibility = 'organization' OR ${own})`;
  return tx
    .selectFrom("jobs")
    .distinctOn("input_signature")
    .select(["input_signature", "job_id"])
    .where("status", "=", "completed")
    .where("input_signature", "in", signatures)
    .where(seen)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("task_results as r")
            .select("r.result_id")
            .whereRef("r.job_id", "=", "jobs.job_id")
            .where("r.confidence_score", "<", REUSE_CONFIDENCE),
        ),
      ),
    )
    .orderBy("input_signature")
    .orderBy("created_at", "desc")
    .execute();
}

function jobRows(db: ResultsDb) {
  return db
    .selectFrom("jobs as j")
    .innerJoin("pipeline_specs as s", "s.spec_hash", "j.spec_hash")
    .select([
      "j.job_id",
      "s.name as pipeline",
      "j.pipeline_version",
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
    ]);
}

export type JobFilter = PageWish & { status?: string; job_ids?: string[]; params?: object };

/** Jobs, newest first, by keyset. */
export async function selectJobs(db: ResultsDb, filter: JobFilter): Promise<JobRow[]> {
  let query = jobRows(db).orderBy("j.created_at", "desc").orderBy("j.job_id", "desc").limit(filter.limit);
  if (filter.status !== undefined) query = query.where("j.status", "=", filter.status);
  if (filter.job_ids !== undefined) query = query.where("j.job_id", "in", filter.job_ids);
  // Under row security no index serves @>: a function that asks the same rule has it, and gives ids.
  if (filter.params !== undefined)
    query = query.where(
      sql<boolean>`j.job_id = ANY (ARRAY(SELECT search_jobs(${JSON.stringify(filter.params)}::jsonb)))`,
    );
  if (filter.before !== undefined) {
    const { at, id } = filter.before;
    query = query.where(sql<boolean>`(j.created_at, j.job_id) < (${at}::timestamptz, ${id}::uuid)`);
  }
  return (await query.execute()) as JobRow[];
}

export async function selectOptionalJob(db: ResultsDb, jobId: string): Promise<JobRow | undefined> {
  return (await jobRows(db).where("j.job_id", "=", jobId).executeTakeFirst()) as JobRow | undefined;
}

/** Everything that hangs on a job, for `job show`. */
export async function selectJobParts(db: ResultsDb, jobId: string) {
  const tasks = await db
    .selectFrom("tasks")
    .selectAll()
    .where("job_id", "=", jobId)
    .orderBy("task_name")
    .execute();
  const inputs = await db
    .selectFrom("job_inputs")
    .selectAll()
    .where("job_id", "=", jobId)
    .orderBy("key")
    .execute();
  const outputs = await db
    .selectFrom("job_outputs")
    .selectAll()
    .where("job_id", "=", jobId)
    .orderBy("key")
    .execute();
  const events = await db
    .selectFrom("job_events")
    .selectAll()
    .where("job_id", "=", jobId)
    .orderBy("seq_no")
    .execute();
  const executions = await db
    .selectFrom("task_executions")
    .selectAll()
    .where("job_id", "=", jobId)
    .orderBy("exec_id")
    .execute();
  return { tasks, inputs, outputs, events, executions };
}

export type LockedJob = {
  job_id: string;
  spec_hash: string;
  status: JobStatus;
  seq: number;
  priority: number;
  rank: number;
  owner_id: string;
  visibility: "private" | "organization";
  pipeline_id: string | null;
  pipeline_version_id: string | null;
  created_at: string;
};

/** A job's row under lock, so that its events and its status have one order. */
export async function lockOptionalJob(tx: ResultsTx, jobId: string): Promise<LockedJob | undefined> {
  const row = await tx
    .selectFrom("jobs")
    .select([
      "job_id",
      "spec_hash",
      "status",
      "seq",
      "priority",
      "rank",
      "owner_id",
      "visibility",
      "pipeline_id",
      "pipeline_version_id",
      "created_at",
    ])
    .where("job_id", "=", jobId)
    .forUpdate()
    .executeTakeFirst();
  return row as LockedJob | undefined;
}

/** Writes what changed of a job and returns the fact that tells the metadata database. */
export async function updateJob(
  tx: ResultsTx,
  job: LockedJob,
  change: { status: JobStatus; seq: number; error?: object | null; timings?: object; metrics?: object },
): Promise<JobFact> {
  const row = await tx
    .updateTable("jobs")
    .set({
      status: change.status,
      seq: change.seq,
      ...(change.error === undefined
        ? {}
        : { error: change.error === null ? null : sql`${JSON.stringify(change.error)}::jsonb` }),
      ...(change.timings === undefined
        ? {}
        : { timings: sql`timings || ${JSON.stringify(change.timings)}::jsonb` }),
      ...(change.metrics === undefined
        ? {}
        : { metrics: sql`metrics || ${JSON.stringify(change.metrics)}::jsonb` }),
    })
    .where("job_id", "=", job.job_id)
    .returning(["updated_at"])
    .executeTakeFirstOrThrow();
  return { ...factOf(job), status: change.status, seq: change.seq, updated_at: row.updated_at };
}

function factOf(job: LockedJob): Omit<JobFact, "updated_at"> {
  return {
    job_id: job.job_id,
    pipeline_id: job.pipeline_id,
    pipeline_version_id: job.pipeline_version_id,
    submitted_by: job.owner_id,
    status: job.status,
    priority: job.priority,
    seq: job.seq,
    private_to: job.visibility === "private" ? job.owner_id : null,
    created_at: job.created_at,
  };
}
