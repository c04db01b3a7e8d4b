import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { countOpenTasks } from "../jobs/births-store.ts";
import { retryJobs } from "../jobs/change.ts";
import { ownBatch } from "./create.ts";
import {
  type FailedJob,
  type FailureFilter,
  type LeftOut,
  selectLeftOut,
  selectRetryable,
} from "./failures-store.ts";
import { placesForBatches, WINDOW } from "./limits.ts";
import { selectCounts } from "./progress-store.ts";
import { lockGate, lockGates, selectResting } from "./store.ts";

/** Jobs of one call: whoever has more calls again, after the last of them. */
export const MOST_RETRIES = 5000;

export type Retried = {
  /** Jobs that run again. */
  retried: number;
  /** True: there may be more of them. */
  more: boolean;
  /** Job after which to go on at once; null where that was all, or the queue has no room for more now. */
  next_after: string | null;
  /** Failed jobs that are left alone; of the first call alone (without `after`). */
  left_out: LeftOut[];
};

/**
 * Runs failed jobs again, as `job.retry` does one: those of a code, a batch, an engine, since a time. Completed
 * tasks stay as they are; batches that had ended are open again. Jobs of paused and cancelled batches are left
 * alone, and so is what would fail the same way, unless that is forced; no more run at once than the quota and each batch's window have room for. Throws AppError not_found,
 * forbidden, conflict (the batch is paused or cancelled).
 */
export async function retryFailed(
  scope: ResultsScope,
  filter: FailureFilter,
  { window = WINDOW }: { window?: number } = {},
): Promise<Retried> {
  const { tx } = scope;
  if (filter.batch_id !== undefined) {
    await lockGate(tx, filter.batch_id);
    const { status } = await ownBatch(scope, filter.batch_id);
    if (status === "cancelled")
      throw new AppError("conflict", "this batch is cancelled: nothing of it runs again");
    if (status === "paused") throw new AppError("conflict", "this batch is paused: resume it first");
  }
  const left_out = filter.after === undefined ? await selectLeftOut(tx, filter) : [];
  const found = await selectRetryable(tx, filter, MOST_RETRIES);
  const batches = [...new Set(found.flatMap(({ batch_id }) => batch_id ?? []))];
  // Whoever cancels or pauses one of them meanwhile comes before, and is seen, or after, and meets these jobs.
  await lockGates(tx, batches);
  const resting = await selectResting(tx, batches);
  const able = found.filter(({ batch_id }) => !resting.has(batch_id ?? ""));
  const ids = await withRoom(scope, able, window);
  const jobs = await retryJobs(tx, ids);
  const full = ids.length < able.length;
  const more = full || found.length === MOST_RETRIES;
  const next_after = more && !full ? (found.at(-1)?.job_id ?? null) : null;
  return { retried: jobs.length, more, next_after, left_out };
}

/** Those of these jobs, oldest first, that quota and windows have room for. */
async function withRoom(scope: ResultsScope, jobs: FailedJob[], window: number): Promise<string[]> {
  const { tx, queued_tasks } = scope;
  const counts = await selectCounts(tx, [...new Set(jobs.flatMap(({ batch_id }) => batch_id ?? []))]);
  const rooms = new Map([...counts].map(([batch, { processing }]) => [batch, window - processing]));
  let free =
    queued_tasks === null
      ? jobs.length
      : placesForBatches(queued_tasks) - (await countOpenTasks(tx, queued_tasks));
  return jobs.flatMap(({ job_id, batch_id }) => {
    const room = batch_id === null ? 1 : (rooms.get(batch_id) ?? 0);
    if (free <= 0 || room <= 0) return [];
    free -= 1;
    if (batch_id !== null) rooms.set(batch_id, room - 1);
    return [job_id];
  });
}
