import { sql } from "kysely";
import { ALIVE_SECONDS } from "../alive.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { type LaneKey, wakeLanes } from "./lanes-store.ts";

/**
 * Gives back leases that ran out, and those of the workers named and of workers that were not seen for long: the
 * later the more often that happened to a task, because an input that ends its workers must not take them one
 * after another without a pause. Rows that are being changed are met again. Returns how many.
 */
export async function giveBackLeases(tx: MetadataTx, deadWorkers: string[]): Promise<number> {
  const rows = await sql<LaneKey>`
    UPDATE task_queue q SET lease_owner = NULL, lease_expires_at = NULL,
      available_at = now() + make_interval(secs => least(300, power(2, least(q.fence, 8))))
    WHERE q.ctid = ANY (ARRAY(SELECT e.ctid FROM task_queue e WHERE e.lease_owner IS NOT NULL
        AND e.lease_expires_at < now() FOR NO KEY UPDATE SKIP LOCKED))
      OR q.ctid = ANY (ARRAY(SELECT e.ctid FROM task_queue e WHERE e.lease_owner IS NOT NULL
        AND e.lease_owner = ANY (ARRAY(SELECT w.worker_id FROM workers w
          WHERE w.worker_id = ANY (${deadWorkers}::uuid[])
            OR w.last_seen_at < now() - make_interval(secs => ${ALIVE_SECONDS})))
        FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING q.org_id, q.engine`.execute(tx);
  await wakeLanes(tx, rows.rows);
  return rows.rows.length;
}

/** Workers that say where they run so that others there can tell whether they live. */
export async function selectTraceable(
  tx: MetadataTx,
): Promise<{ worker_id: string; pid: number; process: string }[]> {
  return tx
    .selectFrom("workers")
    .select(["worker_id", "pid", "process"])
    .where("process", "is not", null)
    .$narrowType<{ process: string }>()
    .execute();
}

export async function deleteWorkers(tx: MetadataTx, workerIds: string[]): Promise<void> {
  await tx.deleteFrom("workers").where("worker_id", "in", workerIds).execute();
}
