import { sql } from "kysely";
import type { ResultsTx, Writing } from "../db/results.ts";
import { AppError } from "../errors.ts";
import type { JobFact } from "../outbox.ts";
import { type JobStatus, privateTo } from "./schema.ts";

export type NewEvent = { job_id: string; seq_no: number; event: string; detail?: string; metadata?: object };

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
  await eventsInsert(events)?.execute(tx);
}

/** For who writes something else in the same statement. */
export function eventsInsert(events: NewEvent[]): Writing {
  if (events.length === 0) return undefined;
  return sql`INSERT INTO job_events (job_id, seq_no, event, detail, metadata)
    SELECT job_id, seq_no, event, detail, coalesce(metadata, '{}') FROM jsonb_to_recordset(${JSON.stringify(events)}::jsonb)
      AS e(job_id uuid, seq_no bigint, event text, detail text, metadata jsonb)`;
}

export type LockedJob = {
  job_id: string;
  spec_hash: string;
  status: JobStatus;
  seq: number;
  priority: number;
  rank: number;
  batch_id: string | null;
  /** False: its tasks are computed anew, whatever the cache knows. */
  reuse: boolean;
  owner_id: string;
  visibility: "private" | "organization";
  pipeline_id: string | null;
  pipeline_version_id: string | null;
  created_at: string;
};

const LOCKED = [
  "job_id",
  "spec_hash",
  "status",
  "seq",
  "priority",
  "rank",
  "batch_id",
  "reuse",
  "owner_id",
  "visibility",
  "pipeline_id",
  "pipeline_version_id",
  "created_at",
] as const;

/** A job's row under lock, so that its events and its status have one order. */
export async function lockOptionalJob(tx: ResultsTx, jobId: string): Promise<LockedJob | undefined> {
  return (await lockJobs(tx, [jobId]))[0];
}

/**
 * The rows of several jobs under lock, taken in the order of their ids, as everybody takes them. Ids that lead
 * nowhere, or to a job that the caller may not change, are left out.
 */
export async function lockJobs(tx: ResultsTx, jobIds: string[]): Promise<LockedJob[]> {
  if (jobIds.length === 0) return [];
  const rows = await tx
    .selectFrom("jobs")
    .select(LOCKED)
    .where(sql<boolean>`job_id = ANY (${jobIds}::uuid[])`)
    .orderBy("job_id")
    .forUpdate()
    .execute();
  return rows as LockedJob[];
}

/** What becomes of a locked job. `timings` and `metrics` are added to what is there. */
export type JobChange = {
  job: LockedJob;
  status: JobStatus;
  seq: number;
  /** Its tasks' new place in the queue; left out: as it is. */
  rank?: number;
  /** Null: none any more; left out: as it is. */
  error?: object | null;
  timings?: object;
  metrics?: object;
};

/**
 * Writes what changed of several locked jobs in one statement. Returns their facts in the order of the changes.
 * Throws AppError internal where one of them could not be written.
 */
export async function updateJobs(tx: ResultsTx, changes: JobChange[]): Promise<JobFact[]> {
  if (changes.length === 0) return [];
  const rows = changes.map(({ job, status, seq, rank, error, timings, metrics }) => ({
    job_id: job.job_id,
    status,
    seq,
    rank,
    keeps_error: error === undefined,
    error,
    timings: timings ?? {},
    metrics: metrics ?? {},
  }));
  const written = await sql<{ job_id: string; updated_at: string }>`
    UPDATE jobs j SET status = c.status, seq = c.seq, rank = coalesce(c.rank, j.rank),
      error = CASE WHEN c.keeps_error THEN j.error ELSE c.error END,
      timings = j.timings || c.timings, metrics = j.metrics || c.metrics
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS c(job_id uuid, status text, seq bigint, rank bigint,
      keeps_error boolean, error jsonb, timings jsonb, metrics jsonb)
    WHERE j.job_id = c.job_id RETURNING j.job_id, j.updated_at`.execute(tx);
  const times = new Map(written.rows.map((row) => [row.job_id, row.updated_at]));
  return changes.map(({ job, status, seq }) => {
    const updated_at = times.get(job.job_id);
    if (updated_at === undefined) throw new AppError("internal", "a locked job could not be written");
    return { ...factOf(job), status, seq, updated_at };
  });
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
    private_to: privateTo(job),
    created_at: job.created_at,
  };
}
