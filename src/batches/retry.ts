import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { retryJobs } from "../jobs/change.ts";
import { ownBatch } from "./create.ts";
import { type FailureFilter, selectFailedJobIds } from "./failures-store.ts";

/** Jobs of one call: whoever has more calls again. */
export const MOST_RETRIES = 5000;

export type Retried = {
  /** Jobs that run again. */
  retried: number;
  /** True: there may be more of them; ask again. */
  more: boolean;
};

/**
 * Runs failed jobs again, as `job.retry` does one: those of a code, a batch, an engine, since a time. Completed
 * tasks stay as they are; batches that had ended are open again. Jobs of paused and cancelled batches are left
 * alone. Throws AppError not_found, forbidden, conflict (the batch is paused or cancelled).
 */
export async function retryFailed(scope: ResultsScope, filter: FailureFilter): Promise<Retried> {
  const { tx } = scope;
  if (filter.batch_id !== undefined) {
    const { status } = await ownBatch(scope, filter.batch_id);
    if (status === "cancelled")
      throw new AppError("conflict", "this batch is cancelled: nothing of it runs again");
    if (status === "paused") throw new AppError("conflict", "this batch is paused: resume it first");
  }
  const ids = await selectFailedJobIds(tx, filter, MOST_RETRIES);
  const jobs = await retryJobs(tx, ids);
  return { retried: jobs.length, more: ids.length === MOST_RETRIES };
}
