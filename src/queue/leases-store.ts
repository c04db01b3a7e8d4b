import { sql } from "kysely";
import type { MetadataDoor } from "../db/metadata.ts";

type Key = { job_id: string; task_name: string };

/** Of tasks of one organization, those that no worker has a lease on. */
export async function selectUnleased<K extends Key>(
  metadata: MetadataDoor,
  orgId: string,
  keys: K[],
): Promise<K[]> {
  const { rows } = await metadata.system((tx) =>
    sql<Key>`SELECT q.job_id, q.task_name
      FROM unnest(${keys.map((key) => key.job_id)}::uuid[], ${keys.map((key) => key.task_name)}::text[])
        AS k(job_id, task_name)
      JOIN task_queue q ON q.org_id = ${orgId} AND q.job_id = k.job_id AND q.task_name = k.task_name
      WHERE q.lease_owner IS NOT NULL`.execute(tx),
  );
  const leased = new Set(rows.map((row) => `${row.job_id} ${row.task_name}`));
  return keys.filter((key) => !leased.has(`${key.job_id} ${key.task_name}`));
}
