import type { ResultsTx } from "../db/results.ts";
import { selectAnsweringJobs } from "./answered-store.ts";
import { countHits } from "./entries-store.ts";
import { countedKeys } from "./reserve.ts";
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
): Promise<{ input_signature: string; job_id: string }[]> {
  if (signatures.length === 0) return [];
  const jobs = await selectAnsweringJobs(tx, signatures, asker, policy);
  await countHits(
    tx,
    jobs.flatMap(({ cache_keys }) => countedKeys(asker, cache_keys)),
  );
  return jobs.map(({ input_signature, job_id }) => ({ input_signature, job_id }));
}
