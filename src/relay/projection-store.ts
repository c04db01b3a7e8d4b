import { type RawBuilder, sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { BirthsFact, FactSource, JobFact } from "../outbox.ts";

/**
 * Holds the organization that facts come from until the transaction ends, against its purge. No row: it is gone,
 * and nothing may be projected of it any more. Without values, so that it may begin a transaction.
 */
export function holdOrganization(orgId: string): RawBuilder<{ org_id: string }> {
  return sql`SELECT org_id FROM organizations WHERE org_id = ${sql.lit(orgId)}::uuid AND status <> 'deleted' FOR KEY SHARE`;
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

/**
 * Projects jobs that were born together. One that is known already is left as it is: nothing is older than its
 * birth, but what an earlier generation said.
 */
export async function insertJobBirths(tx: MetadataTx, source: FactSource, births: BirthsFact): Promise<void> {
  await sql`INSERT INTO jobs_meta AS m (job_id, org_id, pipeline_id, pipeline_version_id, submitted_by, status, priority,
      generation, last_seq, private_to, created_at, updated_at)
    SELECT job_id, ${source.org_id}, ${births.pipeline_id}, ${births.pipeline_version_id}, ${births.submitted_by},
      ${births.status}, ${births.priority}, ${source.generation}, 1, ${births.private_to}, ${births.created_at},
      ${births.created_at}
    FROM unnest(${births.job_ids}::uuid[]) AS b(job_id)
    ON CONFLICT (org_id, job_id) DO UPDATE SET status = excluded.status, priority = excluded.priority,
      generation = excluded.generation, last_seq = excluded.last_seq, private_to = excluded.private_to,
      updated_at = excluded.updated_at
    WHERE m.generation < excluded.generation`.execute(tx);
}
