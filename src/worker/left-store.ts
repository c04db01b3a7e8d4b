import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";
import type { Claim } from "../queue/claims-store.ts";
import type { Stored } from "./outputs.ts";

/**
 * Files of a task that failed for good, as `TASK.failed/FILE`: no result of the task, which may be run again and then
 * has files of its own under its name. Failing again with files of its own takes out all that were left before: files
 * of two attempts side by side would look like those of one.
 */
export async function upsertLeft(
  tx: ResultsTx,
  { job_id, task_name }: Pick<Claim, "job_id" | "task_name">,
  left: Stored,
): Promise<void> {
  if (left.size === 0) return;
  const rows = [...left].map(([key, object]) => ({ ...object, job_id, key: `${task_name}.failed/${key}` }));
  await sql`WITH before AS (DELETE FROM job_outputs WHERE job_id = ${job_id}
      AND starts_with(key, ${`${task_name}.failed/`}) AND key <> ALL (${rows.map(({ key }) => key)}::text[]))
    INSERT INTO job_outputs (job_id, key, uri, content_type, size_bytes, checksum)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS o(job_id uuid, key text, uri text,
      content_type text, size_bytes bigint, checksum text)
    ON CONFLICT (job_id, key) DO UPDATE SET uri = excluded.uri, content_type = excluded.content_type,
      size_bytes = excluded.size_bytes, checksum = excluded.checksum, created_at = now()`.execute(tx);
}
