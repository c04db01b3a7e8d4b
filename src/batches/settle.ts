import type { ResultsTx } from "../db/results.ts";
import { moveItems, reopenBatches } from "./progress-store.ts";

/** What became of a job, as its batch is told; an item that failed or was skipped says why. */
export type EndedJob = {
  job_id: string;
  /** processing: it was retried and runs again. */
  status: "completed" | "failed" | "skipped" | "processing";
  error?: { code: string; message: string };
};

/**
 * Tells batches what became of their jobs: items and counters, one statement for all. Jobs of no batch and
 * steps that an item does not have (a cancelled batch's, one told twice) change nothing. The caller holds the
 * jobs' locks and calls it once in its transaction, after all that it writes of jobs and results: the order of
 * locks is jobs, items, counters, batches.
 */
export async function settleItems(tx: ResultsTx, ended: EndedJob[]): Promise<void> {
  if (ended.length === 0) return;
  const moved = await moveItems(
    tx,
    ended.map(({ job_id, status, error }) => ({
      job_id,
      status,
      error: status === "failed" || status === "skipped" ? (error ?? UNSAID) : null,
    })),
  );
  const again = moved.flatMap((item) => (item.status === "processing" ? [item.batch_id] : []));
  if (again.length > 0) await reopenBatches(tx, [...new Set(again)]);
}

const UNSAID = { code: "internal", message: "nobody said why" };
