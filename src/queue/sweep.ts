import type { MetadataDoor } from "../db/metadata.ts";
import { restEmptyLanes, rewindClocks, wakeNeglectedLanes } from "./lane-upkeep-store.ts";
import { isGone } from "./process-mark.ts";
import { deleteWorkers, giveBackLeases, selectTraceable } from "./sweep-store.ts";

/**
 * Gives back every lease that ran out, and at once those of workers whose process on this machine is gone, and of
 * workers that nobody saw for long; then puts the lanes right. Returns how many leases. One that drained in good
 * order holds none and costs nothing. Throws AppError unavailable.
 */
export async function sweepLeases(metadata: MetadataDoor): Promise<number> {
  const known = await metadata.system(selectTraceable);
  const gone: string[] = [];
  for (const { worker_id, pid, process } of known) if (await isGone(pid, process)) gone.push(worker_id);
  const swept = await metadata.system(async (tx) => {
    const count = await giveBackLeases(tx, gone);
    if (gone.length > 0) await deleteWorkers(tx, gone);
    return count;
  });
  // Each on its own: they take lanes in orders of their own, and must not hold some while they wait for others.
  await metadata.system(restEmptyLanes);
  await metadata.system(wakeNeglectedLanes);
  await metadata.system(rewindClocks);
  return swept;
}
