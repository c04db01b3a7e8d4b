import type { ResultsTx } from "../db/results.ts";
import { type AnsweringJob, countAnsweringJobs } from "./answered-store.ts";
import type { Asker, CachePolicy } from "./schema.ts";

/**
 * Jobs that answer these questions without running anything, the latest of each, and counts them as hits. A
 * question that finds none is no loss: its tasks ask again when they are about to run.
 */
export async function answeredBefore(
  tx: ResultsTx,
  signatures: string[],
  asker: Asker,
  policy: CachePolicy,
): Promise<AnsweringJob[]> {
  return signatures.length === 0 ? [] : countAnsweringJobs(tx, signatures, asker, policy);
}
