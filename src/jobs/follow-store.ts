import { sql } from "kysely";
import type { ResultsDb } from "../db/results.ts";
import type { JobEvent, JobStatus } from "./schema.ts";

/** How a job stands, in a text that changes with every event of it: `seq` is the number of the last. */
export function markOf({ status, seq }: { status: string; seq: number }): string {
  return `${status} ${seq}`;
}

/** How jobs stand. */
export async function selectJobMarks(db: ResultsDb, jobIds: string[]): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom("jobs")
    .select(["job_id", "status", "seq"])
    .where(sql<boolean>`job_id = ANY (${jobIds}::uuid[])`)
    .execute();
  return new Map(rows.map((row) => [row.job_id, markOf(row)]));
}

export type FollowedJob = { status: JobStatus; seq: number; items: JobEvent[] };

/**
 * How a job stands, and its events after one, as many as `limit`. Read in this order, whatever led to its state is
 * among them. Undefined where the asker sees no such job.
 */
export async function selectOptionalFollowed(
  db: ResultsDb,
  jobId: string,
  { after, limit }: { after: number; limit: number },
): Promise<FollowedJob | undefined> {
  const job = await db
    .selectFrom("jobs")
    .select(["status", "seq"])
    .where("job_id", "=", jobId)
    .executeTakeFirst();
  if (job === undefined) return undefined;
  const items = await db
    .selectFrom("job_events")
    .select(["job_id", "seq_no", "ts", "event", "detail", "metadata"])
    .where("job_id", "=", jobId)
    .where("seq_no", ">", after)
    .orderBy("seq_no")
    .limit(limit)
    .execute();
  return { status: job.status as JobStatus, seq: job.seq, items: items as JobEvent[] };
}
