import { sql } from "kysely";
import type { AuditEntry } from "../audit/entry.ts";
import type { MetadataTx } from "../db/metadata.ts";
import type { ResultsTx } from "../db/results.ts";
import type { FactSource } from "../outbox.ts";
import { announceTasks, noLater } from "../queue/queue-store.ts";
import { PAYLOAD } from "./outbox-store.ts";
import { isFar, isLate } from "./stuck-store.ts";

/** A job, or a task that should be in the queue, as the results database has it. */
export type Truth = { kind: "job" | "task"; fact: object };

/**
 * Opens the one snapshot that the projection is rebuilt from: every job, and every task that is ready or running,
 * but for those that wait because their batch is paused.
 */
export async function openTruth(tx: ResultsTx): Promise<void> {
  await sql`DECLARE reindex_truth NO SCROLL CURSOR FOR
    SELECT 'job' AS kind, jsonb_build_object('job_id', j.job_id, 'pipeline_id', j.pipeline_id,
      'pipeline_version_id', j.pipeline_version_id, 'submitted_by', j.owner_id, 'status', j.status,
      'priority', j.priority, 'seq', j.seq,
      'private_to', CASE WHEN j.visibility = 'private' THEN j.owner_id END, 'created_at', j.created_at, 'updated_at', j.updated_at) AS fact
    FROM jobs j
    UNION ALL
    SELECT 'task', jsonb_build_object('job_id', t.job_id, 'task_name', t.task_name, 'engine', t.engine,
      'priority', j.priority, 'rank', j.rank,
      'available_at', t.available_at, 'fence', t.fence)
    FROM tasks t JOIN jobs j ON j.job_id = t.job_id
    WHERE t.status IN ('ready', 'running') AND (j.status <> 'pending' OR t.status = 'running')`.execute(tx);
}

export async function fetchTruth(tx: ResultsTx, count: number): Promise<Truth[]> {
  const rows = await sql<Truth>`FETCH FORWARD ${sql.raw(String(count))} FROM reindex_truth`.execute(tx);
  return rows.rows;
}

/** The audit facts that are still kept, oldest first. */
export async function openAudit(tx: ResultsTx): Promise<void> {
  await sql`DECLARE reindex_audit NO SCROLL CURSOR FOR
    SELECT ${PAYLOAD} AS payload FROM outbox WHERE topic = 'audit' ORDER BY outbox_id`.execute(tx);
}

export async function fetchAudit(tx: ResultsTx, count: number): Promise<(AuditEntry | null)[]> {
  const rows = await sql<{ payload: AuditEntry | null }>`
    FETCH FORWARD ${sql.raw(String(count))} FROM reindex_audit`.execute(tx);
  return rows.rows.map((row) => row.payload);
}

/** Where the truth lies beside the projection until the transaction ends. */
export async function createTruthTables(tx: MetadataTx): Promise<void> {
  await sql`CREATE TEMP TABLE true_jobs (job_id uuid PRIMARY KEY, pipeline_id uuid, pipeline_version_id uuid,
    submitted_by uuid NOT NULL, status text NOT NULL, priority smallint NOT NULL, seq bigint NOT NULL,
    private_to uuid, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL) ON COMMIT DROP`.execute(
    tx,
  );
  await sql`CREATE TEMP TABLE true_tasks (job_id uuid, task_name text, engine text NOT NULL, priority smallint NOT NULL,
    rank bigint NOT NULL, available_at timestamptz NOT NULL, fence bigint NOT NULL,
    PRIMARY KEY (job_id, task_name)) ON COMMIT DROP`.execute(tx);
}

export async function insertTruth(tx: MetadataTx, truth: Truth[]): Promise<void> {
  const of = (kind: Truth["kind"]) =>
    JSON.stringify(truth.flatMap((row) => (row.kind === kind ? [row.fact] : [])));
  await sql`INSERT INTO true_jobs SELECT * FROM jsonb_to_recordset(${of("job")}::jsonb) AS f(job_id uuid,
    pipeline_id uuid, pipeline_version_id uuid, submitted_by uuid, status text, priority smallint, seq bigint,
    private_to uuid, created_at timestamptz, updated_at timestamptz)`.execute(tx);
  await sql`INSERT INTO true_tasks SELECT * FROM jsonb_to_recordset(${of("task")}::jsonb) AS f(job_id uuid,
    task_name text, engine text, priority smallint, rank bigint, available_at timestamptz, fence bigint)`.execute(
    tx,
  );
}

/** Without counts of its rows the planner takes a table of 100,000 for one of a few, and nests loops over it. */
export async function analyzeTruth(tx: MetadataTx): Promise<void> {
  await sql`ANALYZE true_jobs`.execute(tx);
  await sql`ANALYZE true_tasks`.execute(tx);
}

async function counted(query: ReturnType<typeof sql>, tx: MetadataTx): Promise<number> {
  return Number((await query.execute(tx)).numAffectedRows ?? 0n);
}

export type Difference = { added: number; changed: number; removed: number };

/**
 * Makes `jobs_meta` say what the results database says; rows that say it already are not touched, nor any of
 * a newer generation. The caller holds the relay's lock, so nobody else writes them meanwhile.
 */
export async function rewriteJobs(tx: MetadataTx, { org_id, generation }: FactSource): Promise<Difference> {
  const removed = await counted(
    sql`DELETE FROM jobs_meta m WHERE m.org_id = ${org_id} AND m.generation <= ${generation}
      AND NOT EXISTS (SELECT 1 FROM true_jobs t WHERE t.job_id = m.job_id)`,
    tx,
  );
  const changed = await counted(
    sql`UPDATE jobs_meta m SET status = t.status, priority = t.priority, pipeline_id = t.pipeline_id,
        pipeline_version_id = t.pipeline_version_id, submitted_by = t.submitted_by, generation = ${generation},
        last_seq = t.seq, private_to = t.private_to, created_at = t.created_at, updated_at = t.updated_at
      FROM true_jobs t WHERE m.job_id = t.job_id AND m.org_id = ${org_id} AND m.generation <= ${generation}
        AND (m.status, m.priority, m.pipeline_id, m.pipeline_version_id, m.submitted_by, m.generation, m.last_seq,
          m.private_to)
          IS DISTINCT FROM (t.status, t.priority, t.pipeline_id, t.pipeline_version_id, t.submitted_by, ${generation}::bigint, t.seq,
          t.private_to)`,
    tx,
  );
  const added = await counted(
    sql`INSERT INTO jobs_meta (job_id, org_id, pipeline_id, pipeline_version_id, submitted_by, status, priority,
        generation, last_seq, private_to, created_at, updated_at)
      SELECT t.job_id, ${org_id}, t.pipeline_id, t.pipeline_version_id, t.submitted_by, t.status, t.priority,
        ${generation}, t.seq, t.private_to, t.created_at, t.updated_at FROM true_jobs t
      WHERE NOT EXISTS (SELECT 1 FROM jobs_meta m WHERE m.org_id = ${org_id} AND m.job_id = t.job_id)
      ON CONFLICT (org_id, job_id) DO NOTHING`,
    tx,
  );
  return { added, changed, removed };
}

/**
 * Makes the queue hold what is ready or running and nothing else. Workers claim, renew and give back
 * meanwhile: each condition is asked of the row as it is when its turn comes. A lease is valid while it has
 * not run out and the results database knows no higher fence; a row with one is left alone. One that nobody holds
 * and that could not be claimed, because of a time or a fence far beyond its task's, gets its task's.
 * `announceTruth` comes after it.
 */
export async function rewriteQueue(tx: MetadataTx, { org_id, generation }: FactSource): Promise<Difference> {
  const removed = await counted(
    sql`DELETE FROM task_queue q WHERE q.org_id = ${org_id} AND q.generation <= ${generation}
      AND (q.lease_owner IS NULL OR q.lease_expires_at < now() OR q.generation < ${generation})
      AND NOT EXISTS (SELECT 1 FROM true_tasks t WHERE t.job_id = q.job_id AND t.task_name = q.task_name)`,
    tx,
  );
  const behind = sql`(q.fence < t.fence OR q.generation < ${generation})`;
  const soonest = noLater(sql`t.available_at`);
  const late = sql`(q.lease_owner IS NULL AND ${isLate(soonest)})`;
  const far = sql`(q.lease_owner IS NULL AND ${isFar(sql`t.fence`)})`;
  const changed = await counted(
    sql`UPDATE task_queue q SET engine = t.engine, priority = t.priority, rank = t.rank, generation = ${generation},
        fence = CASE WHEN ${far} THEN t.fence ELSE greatest(q.fence, t.fence) END,
        available_at = CASE WHEN ${late} THEN ${soonest} ELSE q.available_at END,
        lease_owner = CASE WHEN ${behind} THEN NULL ELSE q.lease_owner END,
        lease_expires_at = CASE WHEN ${behind} THEN NULL ELSE q.lease_expires_at END
      FROM true_tasks t WHERE q.org_id = ${org_id} AND q.job_id = t.job_id AND q.task_name = t.task_name
        AND q.generation <= ${generation}
        AND (${behind} OR ${late} OR ${far} OR (q.lease_owner IS NULL AND (q.engine, q.priority, q.rank)
          IS DISTINCT FROM (t.engine, t.priority, t.rank)))`,
    tx,
  );
  const added = await counted(
    sql`INSERT INTO task_queue (org_id, job_id, task_name, generation, engine, priority, rank, available_at, fence)
      SELECT ${org_id}, t.job_id, t.task_name, ${generation}, t.engine, t.priority, t.rank, ${soonest}, t.fence
      FROM true_tasks t
      WHERE NOT EXISTS (SELECT 1 FROM task_queue q
        WHERE q.org_id = ${org_id} AND q.job_id = t.job_id AND q.task_name = t.task_name)
      ON CONFLICT (org_id, job_id, task_name) DO NOTHING`,
    tx,
  );
  return { added, changed, removed };
}

/**
 * Wakes the lanes of what is true: the last of it that may wait, because they stay locked until the end and no claim
 * of the organization is made meanwhile.
 */
export async function announceTruth(tx: MetadataTx, orgId: string): Promise<void> {
  const engines = await sql<{ engine: string }>`SELECT DISTINCT engine FROM true_tasks`.execute(tx);
  await announceTasks(
    tx,
    orgId,
    engines.rows.map(({ engine }) => engine),
  );
}

/** Leases of an organization that have not run out. */
export async function countLeases(tx: MetadataTx, orgId: string): Promise<number> {
  const row = await tx
    .selectFrom("task_queue")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("org_id", "=", orgId)
    .where("lease_expires_at", ">", sql<string>`now()`)
    .executeTakeFirstOrThrow();
  return row.count;
}
