import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";

/** Those of these jobs that the whole organization sees. */
export async function selectShared(db: ResultsDb, jobIds: string[]): Promise<Set<string>> {
  if (jobIds.length === 0) return new Set();
  const rows = await db
    .selectFrom("jobs")
    .select("job_id")
    .where(sql<boolean>`job_id = ANY (${jobIds}::uuid[])`)
    .where("visibility", "=", "organization")
    .execute();
  return new Set(rows.map(({ job_id }) => job_id));
}
