import type { ResultsTx } from "../db/results.ts";
import { logEvents, type NewEvent } from "../events/log.ts";
import { privateTo } from "../jobs/schema.ts";
import { lockCounts, selectCounts } from "./progress-store.ts";
import type { BatchCounts } from "./schema.ts";
import { type Batch, updateBatch } from "./store.ts";

/**
 * States the end of a batch whose items all ended: completed where one did. The caller holds its gate. Returns
 * whether it ended: an item that is being retried meanwhile keeps it open, or opens it again afterwards.
 */
export async function endBatch(tx: ResultsTx, batch: Batch): Promise<boolean> {
  const { batch_id } = batch;
  const before = (await selectCounts(tx, [batch_id])).get(batch_id);
  if (before === undefined || before.pending + before.processing > 0) return false;
  // Whoever moves an item holds a counter to its end, so what is read under them all is the last word.
  await lockCounts(tx, batch_id);
  const counts = (await selectCounts(tx, [batch_id])).get(batch_id) ?? before;
  if (counts.pending + counts.processing > 0) return false;
  const ended_at = new Date().toISOString();
  const status = counts.completed > 0 ? "completed" : "failed";
  await updateBatch(tx, batch_id, { status, ended_at });
  await logEvents(tx, [endEvent(batch, { status, counts, ended_at })]);
  return true;
}

/** The event of a batch that is over: a cancelled one has failed, and says so. */
export function endEvent(
  { batch_id, owner_id, plan, started_at }: Batch,
  end: { status: "completed" | "failed" | "cancelled"; counts: BatchCounts; ended_at: string },
): NewEvent {
  const { status, counts, ended_at } = end;
  return {
    event_type: status === "completed" ? "batch_completed" : "batch_failed",
    entity_type: "batch",
    entity_id: batch_id,
    status,
    ...(status === "cancelled" ? { message: "the batch was cancelled" } : {}),
    context: { pipeline: plan.pipeline.name, ...counts },
    user_id: owner_id,
    private_to: privateTo({ visibility: plan.visibility, owner_id }),
    ...(started_at === null
      ? {}
      : { duration_ms: Math.max(0, Date.parse(ended_at) - Date.parse(started_at)) }),
  };
}
