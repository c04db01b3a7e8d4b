import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { JobFact, TaskGoneFact, TaskReadyFact } from "../outbox.ts";

/** Which organization and which generation of its database facts come from. */
export type FactSource = { org_id: string; generation: number };

/**
 * Holds the organization that facts come from until the transaction ends, against its purge. False: it is gone,
 * and nothing may be projected of it any more.
 */
export async function holdOrganization(tx: MetadataTx, orgId: string): Promise<boolean> {
  const row = await tx
    .selectFrom("organizations")
    .select("org_id")
    .where("org_id", "=", orgId)
    .where("status", "<>", "deleted")
    .forKeyShare()
    .executeTakeFirst();
  return row !== undefined;
}

/** Projects jobs; an older (generation, seq) changes nothing, so a status never steps back. */
export async function upsertJobs(tx: MetadataTx, source: FactSource, jobs: JobFact[]): Promise<void> {
  if (jobs.length === 0) return;
  await sql`INSERT INTO jobs_meta AS m (job_id, org_id, pipeline_id, pipeline_version_id, submitted_by, status, priority,
      generation, last_seq, private_to, created_at, updated_at)
    SELECT f.job_id, ${source.org_id}, f.pipeline_id, f.pipeline_version_id, f.submitted_by, f.status, f.priority,
      ${source.generation}, f.seq, f.private_to, f.created_at, f.updated_at
    FROM jsonb_to_recordset(${JSON.stringify(jobs)}::jsonb) AS f(job_id uuid, pipeline_id uuid, pipeline_version_id uuid,
      submitted_by uuid, status text, priority smallint, seq bigint, private_to uuid, created_at timestamptz,
      updated_at timestamptz)
    ON CONFLICT (org_id, job_id) DO UPDATE SET status = excluded.status, priority = excluded.priority,
      generation = excluded.generation, last_seq = excluded.last_seq, private_to = excluded.private_to,
      updated_at = excluded.updated_at
    WHERE (m.generation, m.last_seq) < (excluded.generation, excluded.last_seq)`.execute(tx);
}

/** Puts ready tasks into the queue; a row that was claimed since (a higher fence) is left alone. */
export async function upsertQueueRows(
  tx: MetadataTx,
  source: FactSource,
  facts: TaskReadyFact[],
): Promise<void> {
  if (facts.length === 0) return;
  await sql`INSERT INTO task_queue AS q (org_id, job_id, task_name, generation, engine, priority, rank, available_at, fence)
    SELECT ${source.org_id}, f.job_id, f.task_name, ${source.generation}, f.engine, f.priority, f.rank, f.available_at, f.fence
    FROM jsonb_to_recordset(${JSON.stringify(facts)}::jsonb) AS f(job_id uuid, task_name text, engine text,
      priority smallint, rank bigint, available_at timestamptz, fence bigint)
    ON CONFLICT (org_id, job_id, task_name) DO UPDATE SET generation = excluded.generation, engine = excluded.engine,
      priority = excluded.priority, rank = excluded.rank, available_at = excluded.available_at, fence = excluded.fence,
      lease_owner = NULL, lease_expires_at = NULL
    WHERE q.fence <= excluded.fence`.execute(tx);
}

/** Takes tasks out of the queue that are running no more, unless claimed again since. */
export async function deleteQueueRows(
  tx: MetadataTx,
  source: FactSource,
  facts: TaskGoneFact[],
): Promise<void> {
  if (facts.length === 0) return;
  await sql`DELETE FROM task_queue q
    USING jsonb_to_recordset(${JSON.stringify(facts)}::jsonb) AS f(job_id uuid, task_name text, fence bigint)
    WHERE q.org_id = ${source.org_id} AND q.job_id = f.job_id AND q.task_name = f.task_name AND q.fence <= f.fence`.execute(
    tx,
  );
}
