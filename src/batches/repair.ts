import type { ResultsScope } from "../db/results.ts";
import { countItems, lockCounts, rewriteCounts, selectCounts } from "./progress-store.ts";
import { selectMiscounted } from "./repair-store.ts";
import type { BatchCounts } from "./schema.ts";

/** Counters that did not say what the items are, and what they say now. */
export type Recounted = { batch_id: string; said: BatchCounts; counted: BatchCounts };

/** Makes a batch's counters equal to its items. Returns what it changed; undefined where they were right. */
export async function recountBatch({ tx }: ResultsScope, batchId: string): Promise<Recounted | undefined> {
  await lockCounts(tx, batchId);
  const said = (await selectCounts(tx, [batchId])).get(batchId);
  const counted = await countItems(tx, batchId);
  if (said === undefined || same(said, counted)) return undefined;
  await rewriteCounts(tx, batchId);
  return { batch_id: batchId, said, counted };
}

/** The same for every batch that has not ended or changed within a day; all of them where `all` is said. */
export async function repairBatches(scope: ResultsScope, { all = false } = {}): Promise<Recounted[]> {
  const repaired: Recounted[] = [];
  for (const batchId of await selectMiscounted(scope.tx, all)) {
    const changed = await recountBatch(scope, batchId);
    if (changed !== undefined) repaired.push(changed);
  }
  return repaired;
}

function same(a: BatchCounts, b: BatchCounts): boolean {
  return (Object.keys(a) as (keyof BatchCounts)[]).every((state) => a[state] === b[state]);
}
