import assert from "node:assert/strict";
import { TASKS_CHANNEL } from "../../../src/queue/queue-store.ts";
import type { TestContext } from "../../support/context.ts";
import { checkInvariants, type Promised } from "../../support/invariants.ts";
import { until } from "../../support/worker.ts";

/** Pauses that were made for people's machines are skipped: what waits may be had now. */
export async function skipPauses(context: TestContext): Promise<void> {
  await context.superuser(
    `UPDATE task_queue SET available_at = now() WHERE available_at > now();
     UPDATE queue_lanes SET available_at = '-infinity' WHERE available_at > now();
     SELECT pg_notify('${TASKS_CHANNEL}', string_agg(DISTINCT engine, ',')) FROM task_queue HAVING count(*) > 0`,
  );
}

/**
 * Waits until no job of these organizations is open and all that was told arrived, while pauses are skipped; then
 * asks every invariant.
 */
export async function settled(
  context: TestContext,
  promised: Promised = {},
  limit_ms = 60_000,
): Promise<void> {
  let found: string[] = [];
  const over = async () => {
    await skipPauses(context);
    found = await checkInvariants(context, promised);
    return found.length === 0;
  };
  await until("everything to settle", over, limit_ms).catch(() => {});
  assert.deepEqual(found, []);
}
