import type { Told } from "../operation.ts";

/** So many jobs of one request are named in the audit log, which is kept for good. */
export const MOST_TOLD = 100;

/**
 * What the audit log is told of the jobs of a request: how many, the one where there is one, and else the first
 * `MOST_TOLD` by their ids. Never what they compute.
 */
export function toldJobs(jobs: readonly { job_id: string; cached: boolean }[]): {
  job: Pick<Told, "job_id">;
  metadata: NonNullable<Told["metadata"]>;
} {
  const ids = [...new Set(jobs.map(({ job_id }) => job_id))];
  const [only, ...more] = ids;
  const reused = jobs.filter(({ cached }) => cached).length;
  const metadata = { jobs: jobs.length - reused, reused };
  if (only === undefined) return { job: {}, metadata };
  if (more.length === 0) return { job: { job_id: only }, metadata };
  return { job: {}, metadata: { ...metadata, job_ids: ids.slice(0, MOST_TOLD) } };
}
