import { sql } from "kysely";
import { ALIVE_SECONDS } from "../alive.ts";
import type { MetadataDoor, MetadataTx } from "../db/metadata.ts";
import type { WorkerRow } from "./workers-store.ts";

export type ListedWorker = Omit<WorkerRow, "process"> & {
  /** Tasks that it holds. */
  running: number;
  draining: boolean;
  /** Seen within ALIVE_SECONDS. */
  alive: boolean;
  started_at: string;
  last_seen_at: string;
};

/** Workers that announced themselves and did not leave in good order, the oldest first. */
export async function listWorkers(metadata: MetadataDoor): Promise<ListedWorker[]> {
  return metadata.system(async (tx) => {
    const rows = await sql<ListedWorker>`
      SELECT w.worker_id, w.host, w.pid, w.version, w.engines, w.slots, w.draining, w.started_at, w.last_seen_at,
        (SELECT count(*) FROM task_queue q WHERE q.lease_owner = w.worker_id) AS running,
        w.last_seen_at > now() - make_interval(secs => ${ALIVE_SECONDS}) AS alive
      FROM workers w ORDER BY w.worker_id`.execute(tx);
    return rows.rows;
  });
}

/**
 * Tells a worker, or with null all of them, to take no more and to end when what it runs is done; it hears so at
 * its next heartbeat. Returns those that were told.
 */
export async function updateDraining(tx: MetadataTx, workerId: string | null): Promise<string[]> {
  let query = tx.updateTable("workers").set({ draining: true }).returning("worker_id");
  if (workerId !== null) query = query.where("worker_id", "=", workerId);
  return (await query.execute()).map((row) => row.worker_id);
}

/** Tasks for these engines that nobody may claim yet, as their time is still to come, and the first of those times. */
export async function countLater(
  metadata: MetadataDoor,
  engines: string[],
): Promise<{ tasks: number; first_at: string | null }> {
  return metadata.system(async (tx) => {
    const { rows } = await sql<{ tasks: number; first_at: string | null }>`
      SELECT count(*)::integer AS tasks, min(available_at) AS first_at FROM task_queue
      WHERE engine = ANY (${engines}::text[]) AND lease_owner IS NULL AND available_at > now()`.execute(tx);
    return rows[0] ?? { tasks: 0, first_at: null };
  });
}

export type ListedLane = {
  org_id: string;
  name: string;
  engine: string;
  weight: number;
  /** Tasks at once of this lane; null: no limit of its own. */
  quota: number | null;
  running: number;
  /** True while tasks of it wait. */
  is_active: boolean;
  /** Until when it rests because its database was away; null: it does not. */
  resting_until: string | null;
};

function lanes(tx: MetadataTx, orgId: string | null, engine: string | null) {
  return sql<ListedLane>`
    SELECT l.org_id, o.name, l.engine, l.weight, l.quota, l.is_active,
      (SELECT count(*) FROM task_queue q
        WHERE q.org_id = l.org_id AND q.engine = l.engine AND q.lease_owner IS NOT NULL) AS running,
      CASE WHEN l.available_at > now() THEN l.available_at END AS resting_until
    FROM queue_lanes l JOIN organizations o ON o.org_id = l.org_id
    WHERE o.status <> 'deleted' AND l.org_id = coalesce(${orgId}::uuid, l.org_id)
      AND l.engine = coalesce(${engine}, l.engine)
    ORDER BY lower(o.name), l.engine`.execute(tx);
}

/** Lanes by the names of their organizations; of one organization where it is given. */
export async function listLanes(metadata: MetadataDoor, orgId: string | null = null): Promise<ListedLane[]> {
  return metadata.system(async (tx) => (await lanes(tx, orgId, null)).rows);
}

/** Sets what is given of a lane, which is made where it is not there yet; returns it. */
export async function upsertLane(
  tx: MetadataTx,
  key: { org_id: string; engine: string },
  change: { weight?: number; quota?: number | null },
): Promise<ListedLane> {
  await tx
    .insertInto("queue_lanes")
    .values({ ...key, ...change, is_active: false })
    .onConflict((on) => on.columns(["org_id", "engine"]).doUpdateSet({ engine: key.engine, ...change }))
    .execute();
  return (await lanes(tx, key.org_id, key.engine)).rows[0] as ListedLane;
}
