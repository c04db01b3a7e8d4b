import type { ResultsDb } from "../db/results.ts";

export type OutputRow = { key: string; uri: string; size_bytes: number; checksum: string };

/** A file of a job by its name; undefined also where the asker can't see the job. */
export function selectOptionalOutput(
  db: ResultsDb,
  jobId: string,
  key: string,
): Promise<OutputRow | undefined> {
  return db
    .selectFrom("job_outputs")
    .select(["key", "uri", "size_bytes", "checksum"])
    .where("job_id", "=", jobId)
    .where("key", "=", key)
    .executeTakeFirst();
}
