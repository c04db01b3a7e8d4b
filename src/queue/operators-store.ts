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

/** What nobody may claim yet. */
export type Later = {
  /** Tasks whose time is still to come; of a lane no more are counted than MOST_LATER. */
  tasks: number;
  /** The first of those times. */
  first_at: string | null;
  /** Lanes that wait as a whole, because the database of their organization was away. */
  resting_lanes: number;
  resting_until: string | null;
};

/** Enough to say that there are many. */
export const MOST_LATER = 1000;

/** What of these engines nobody may claim yet: a look into each lane that has tasks, whatever the queue holds. */
export async function countLater(metadata: MetadataDoor, engines: string[]): Promise<Later> {
  const none = { tasks: 0, first_at: null, resting_lanes: 0, resting_until: null };
  return metadata.system(async (tx) => {
    const { rows } = await sql<Later>`
      SELECT coalesce(sum(k.tasks), 0)::integer AS tasks, min(k.first_at) AS first_at,
        count(*) FILTER (WHERE l.available_at > now())::integer AS resting_lanes,
        min(l.available_at) FILTER (WHERE l.available_at > now()) AS resting_until
      FROM queue_lanes l CROSS JOIN LATERAL (
        SELECT count(*) AS tasks, min(d.available_at) AS first_at FROM (
          SELECT q.available_at FROM task_queue q
          WHERE q.engine = l.engine AND q.org_id = l.org_id AND q.lease_owner IS NULL AND q.available_at > now()
          ORDER BY q.available_at LIMIT ${MOST_LATER}) AS d) AS k
      WHERE l.is_active AND l.engine = ANY (${engines}::text[])`.execute(tx);
    return rows[0] ?? none;
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
