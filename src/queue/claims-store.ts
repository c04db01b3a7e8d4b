import { sql } from "kysely";
import type { MetadataDoor, MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { cost, type Dealt, deal } from "./deal.ts";
import {
  countLeased,
  type Lane,
  type LaneKey,
  lockedLanes,
  locking,
  lockLanes,
  lockQuotas,
  restLanes,
  settleLanes,
  wakeLanes,
} from "./lanes-store.ts";

/** A task that this worker holds until it lets go or its lease runs out. */
export type Claim = {
  org_id: string;
  generation: number;
  job_id: string;
  task_name: string;
  engine: string;
  fence: number;
  /** Who claimed it: a claim that was given back or taken over is nobody's to change. */
  worker_id: string;
};

export type Claimer = { worker_id: string; engines: string[]; lease_seconds: number };

/**
 * A claim, renewal or release that a crash of the server takes back need not be on its disk: the task is claimed
 * again, and where it was begun the results database knows a fence that is not lower, which the next claim meets.
 */
const LOSABLE = "soon";

/** Lanes of an engine that one claim looks into. */
const LANES = 50;
const PATIENCE_MS = 500;

/**
 * Claims up to `count` tasks for engines that the worker has. Organizations share by their lanes' weights
 * (`deal`); within a lane the highest priority comes first, then rank. Suspended organizations, lanes at their
 * quota and rows that others hold are passed by. Each claim raises the fence. Fewer than `count`: there are no
 * more now.
 */
export async function claimTasks(metadata: MetadataDoor, worker: Claimer, count: number): Promise<Claim[]> {
  if (worker.engines.length === 0 || count <= 0) return [];
  // As few lanes as there are tasks wanted: other claims pass by those that this one holds.
  const few = locking(worker.engines, Math.min(LANES, count));
  return metadata
    .system(
      async (tx, rows) => {
        const { lanes, servable } = lockedLanes(rows);
        const first = await claimFrom(tx, worker, count, lanes);
        // A lane that was seen and not had is another claim's; where there is none, nobody needs to look again.
        const others = first.length === 0 ? servable > 0 : servable > lanes.length;
        if (first.length === count || !others) return first;
        const more = await lockLanes(tx, worker.engines, LANES);
        const claims = [...first, ...(await claimFrom(tx, worker, count - first.length, more.lanes))];
        return claims.length > 0 ? claims : claimPatiently(tx, worker, count);
      },
      LOSABLE,
      few,
    )
    .catch(nothingInTime);
}

/** Every lane with work is held by another claim: a moment's wait for the first of them is better than a pause. */
async function claimPatiently(tx: MetadataTx, worker: Claimer, count: number): Promise<Claim[]> {
  await sql`SELECT set_config('lock_timeout', ${String(PATIENCE_MS)}, true)`.execute(tx);
  const { lanes } = await lockLanes(tx, worker.engines, 1, { wait: true });
  return claimFrom(tx, worker, count, lanes);
}

function nothingInTime(error: unknown): Claim[] {
  const cause = error instanceof AppError ? error.cause : error;
  if ((cause as { code?: string } | undefined)?.code === "55P03") return [];
  throw error;
}

async function claimFrom(tx: MetadataTx, worker: Claimer, count: number, locked: Lane[]): Promise<Claim[]> {
  const { lanes, rooms } = await underQuota(tx, locked);
  const dealt = lanes.map(({ lane, most }): Dealt => {
    const start = Math.max(0, lane.vtime - lane.clock);
    return { org_id: lane.org_id, start, weight: lane.weight, most };
  });
  const claims: Claim[] = [];
  const served = new Map<string, number>();
  while (claims.length < count) {
    const shares = deal(dealt, count - claims.length, rooms);
    if (shares.every((share) => share === 0)) break;
    const asked = lanes.flatMap(({ lane }, index) =>
      shares[index] ? [{ ...keyOf(lane), most: shares[index] }] : [],
    );
    const taken = await takeTasks(tx, worker, asked);
    claims.push(...taken);
    for (const [index, { lane }] of lanes.entries()) {
      const got = taken.filter(
        (claim) => claim.org_id === lane.org_id && claim.engine === lane.engine,
      ).length;
      charge(dealt[index] as Dealt, got, got < (shares[index] ?? 0));
      served.set(laneKey(lane), (served.get(laneKey(lane)) ?? 0) + got);
      const room = rooms.get(lane.org_id);
      if (room !== undefined) rooms.set(lane.org_id, room - got);
    }
    // A lane that ran dry leaves its share to the others.
    if (taken.length === asked.reduce((sum, one) => sum + one.most, 0)) break;
  }
  await settleLanes(
    tx,
    lanes.flatMap(({ lane }, index) => {
      const { start } = dealt[index] as Dealt;
      if ((served.get(laneKey(lane)) ?? 0) === 0) return [];
      return [{ ...keyOf(lane), vtime: lane.clock + start, clock: lane.clock }];
    }),
  );
  return claims;
}

function charge(lane: Dealt, got: number, isDry: boolean): void {
  lane.start += cost(got, lane.weight);
  lane.most = isDry ? 0 : lane.most - got;
}

function keyOf({ org_id, engine }: LaneKey): LaneKey {
  return { org_id, engine };
}

function laneKey({ org_id, engine }: LaneKey): string {
  return `${org_id} ${engine}`;
}

/** Lanes with what their quotas leave them now, and what is left to organizations with a quota over all lanes. */
async function underQuota(
  tx: MetadataTx,
  locked: Lane[],
): Promise<{ lanes: { lane: Lane; most: number }[]; rooms: Map<string, number> }> {
  const shared = new Set(locked.flatMap((lane) => (lane.org_quota === null ? [] : [lane.org_id])));
  const held = await lockQuotas(tx, [...shared]);
  const lanes = locked.filter(({ org_id }) => !shared.has(org_id) || held.has(org_id));
  const limited = lanes.filter((lane) => lane.quota !== null || lane.org_quota !== null);
  const leased = await countLeased(tx, [...new Set(limited.map((lane) => lane.org_id))]);
  const sum = (of: (row: LaneKey) => boolean) =>
    leased.filter(of).reduce((total, row) => total + row.leased, 0);
  const rooms = new Map<string, number>();
  for (const { org_id, org_quota } of lanes)
    if (org_quota !== null) rooms.set(org_id, org_quota - sum((row) => row.org_id === org_id));
  const most = (lane: Lane) =>
    lane.quota === null
      ? Number.POSITIVE_INFINITY
      : lane.quota - sum((row) => laneKey(row) === laneKey(lane));
  return { lanes: lanes.map((lane) => ({ lane, most: most(lane) })), rooms };
}

/** Takes the first tasks of each lane. Found by place, which no statistics can talk the planner out of. */
export async function takeTasks(
  tx: MetadataTx,
  { worker_id, lease_seconds }: Claimer,
  shares: (LaneKey & { most: number })[],
): Promise<Claim[]> {
  const rows = await sql<Claim>`
    UPDATE task_queue q SET lease_owner = ${worker_id}, fence = q.fence + 1,
      lease_expires_at = now() + make_interval(secs => ${lease_seconds})
    WHERE q.ctid = ANY (ARRAY(
      SELECT t.place FROM jsonb_to_recordset(${JSON.stringify(shares)}::jsonb) AS s(org_id uuid, engine text, most integer)
      CROSS JOIN LATERAL (
        SELECT c.ctid AS place FROM task_queue c
        WHERE c.engine = s.engine AND c.org_id = s.org_id AND c.lease_owner IS NULL AND c.available_at <= now()
        ORDER BY c.priority DESC, c.rank LIMIT s.most FOR NO KEY UPDATE SKIP LOCKED) AS t))
    RETURNING q.org_id, q.generation, q.job_id, q.task_name, q.engine, q.fence, q.lease_owner AS worker_id`.execute(
    tx,
  );
  return rows.rows;
}

/**
 * Renews the leases of a worker and says that it lives. Returns the claims it still holds, as keys, whether
 * somebody told it to take no more, and whether it is announced at all: one that was silent for long is forgotten.
 */
export async function renewLeases(
  metadata: MetadataDoor,
  worker: { worker_id: string; lease_seconds: number },
  claims: Claim[],
): Promise<{ held: Set<string>; draining: boolean; known: boolean }> {
  return metadata.system(async (tx) => {
    const row = await tx
      .updateTable("workers")
      .set({ last_seen_at: sql`now()` })
      .where("worker_id", "=", worker.worker_id)
      .returning("draining")
      .executeTakeFirst();
    const [draining, known] = [row?.draining ?? false, row !== undefined];
    if (claims.length === 0) return { held: new Set<string>(), draining, known };
    const rows = await sql<Claim>`
      UPDATE task_queue q SET lease_expires_at = now() + make_interval(secs => ${worker.lease_seconds})
      FROM jsonb_to_recordset(${JSON.stringify(claims)}::jsonb) AS h(org_id uuid, job_id uuid, task_name text, fence bigint)
      WHERE q.org_id = h.org_id AND q.job_id = h.job_id AND q.task_name = h.task_name AND q.fence = h.fence
        AND q.lease_owner = ${worker.worker_id}
      RETURNING q.org_id, q.job_id, q.task_name, q.fence`.execute(tx);
    return { held: new Set(rows.rows.map(claimKey)), draining, known };
  }, LOSABLE);
}

export function claimKey(claim: Pick<Claim, "org_id" | "job_id" | "task_name" | "fence">): string {
  return `${claim.org_id} ${claim.job_id} ${claim.task_name} ${claim.fence}`;
}

/** Gives claims back unharmed, to be had again after `delay_seconds`; no attempt was counted. */
export async function releaseClaims(
  metadata: MetadataDoor,
  claims: Claim[],
  delay_seconds: number,
): Promise<void> {
  if (claims.length === 0) return;
  await metadata.system(async (tx) => wakeLanes(tx, await release(tx, claims, delay_seconds)), LOSABLE);
}

/**
 * The databases of these claims' organizations are away: the claims go back, and their lanes rest for `seconds` or,
 * met again soon after, for twice as long each time, up to 5 min. Others go on; a fact that comes from the
 * database ends the rest.
 */
export async function restLane(metadata: MetadataDoor, claims: Claim[], seconds = 15): Promise<void> {
  if (claims.length === 0) return;
  await metadata.system(async (tx) => {
    const released = await release(tx, claims, 0);
    // All lanes at once and in order; those that got rows back are among them, and are woken under that lock.
    await restLanes(tx, [...new Set(claims.map((claim) => claim.org_id))], seconds);
    await wakeLanes(tx, released);
  }, LOSABLE);
}

/** Gives claims back and returns their lanes, which the caller wakes, last of all. */
async function release(tx: MetadataTx, claims: Claim[], delay_seconds: number): Promise<LaneKey[]> {
  const rows = await sql<LaneKey>`UPDATE task_queue q SET lease_owner = NULL, lease_expires_at = NULL,
      available_at = now() + make_interval(secs => ${delay_seconds})
    FROM ${recordset(claims)} WHERE ${MINE} RETURNING q.org_id, q.engine`.execute(tx);
  return rows.rows;
}

function recordset(claims: Claim[]) {
  return sql`jsonb_to_recordset(${JSON.stringify(claims)}::jsonb)
    AS c(org_id uuid, job_id uuid, task_name text, fence bigint, worker_id uuid)`;
}

const MINE = sql`q.org_id = c.org_id AND q.job_id = c.job_id AND q.task_name = c.task_name AND q.fence = c.fence
  AND q.lease_owner = c.worker_id`;

/** The results database knows a higher fence: the queue row is set to it and given back. */
export async function raiseFence(metadata: MetadataDoor, claim: Claim, fence: number): Promise<void> {
  await metadata.system(async (tx) => {
    const rows =
      await sql<LaneKey>`UPDATE task_queue q SET lease_owner = NULL, lease_expires_at = NULL, fence = ${fence}
      FROM ${recordset([claim])} WHERE ${MINE} RETURNING q.org_id, q.engine`.execute(tx);
    await wakeLanes(tx, rows.rows);
  }, LOSABLE);
}

/** Takes rows out of the queue whose tasks need no running. */
export async function dropClaims(metadata: MetadataDoor, claims: Claim[]): Promise<void> {
  if (claims.length === 0) return;
  await metadata.system(
    (tx) => sql`DELETE FROM task_queue q USING ${recordset(claims)} WHERE ${MINE}`.execute(tx),
    LOSABLE,
  );
}
