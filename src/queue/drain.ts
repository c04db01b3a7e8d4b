import { auditEntry } from "../audit/entry.ts";
import { appendAudit } from "../audit/store.ts";
import type { MetadataDoor } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { updateDraining } from "./operators-store.ts";

/**
 * Tells a worker, or with null all of them, to take no more tasks and to end when those it has are done. It hears
 * so at its next heartbeat, within 10 s. Returns the ids of those that were told. Throws AppError not_found.
 */
export async function drainWorker(
  metadata: MetadataDoor,
  workerId: string | null,
  userId: string,
): Promise<string[]> {
  return metadata.system(async (tx) => {
    const told = await updateDraining(tx, workerId);
    if (told.length === 0 && workerId !== null)
      throw new AppError("not_found", "no such worker: `aliquot worker list` shows those that there are");
    const entry = (worker: string) =>
      auditEntry({ user_id: userId, action: "worker.drain", entity_type: "worker", entity_id: worker });
    await appendAudit(tx, told.map(entry));
    return told;
  });
}
