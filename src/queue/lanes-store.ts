import { type RawBuilder, sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";

/** One organization's queue for one engine. */
export type LaneKey = { org_id: string; engine: string };

/** A lane under lock, with what it may get. */
export type Lane = LaneKey & {
  vtime: number;
  weight: number;
  /** Tasks at once of this lane, and of its organization in all lanes; null: no limit. */
  quota: number | null;
  org_quota: number | null;
  /** Virtual time of its engine: no lane starts before it. */
  clock: number;
};

/** Lanes under lock, and how many were seen that could be served, also those that others hold. */
export type LockedLanes = { lanes: Lane[]; servable: number };

/** Lanes that a claim sees beyond those that it locks, because others may hold some. */
const BESIDE = 10;

/** Whoever waits for lanes takes them in this order, so that no two wait for each other. */
const IN_ORDER = sql`ORDER BY engine COLLATE "C", org_id`;

/**
 * A lane that could be served now. Sub-selects that give a value, and no EXISTS: the planner makes joins of those,
 * and reads millions of rows to build one. Without an order it takes LIMIT 1 for an early end of reading all rows,
 * which comes late where none fits.
 */
const SERVABLE = sql`l.is_active AND l.available_at <= now()
  AND (SELECT true FROM task_queue q WHERE q.engine = l.engine AND q.org_id = l.org_id AND q.lease_owner IS NULL
    AND q.available_at <= now() ORDER BY q.available_at LIMIT 1)
  AND (SELECT o.status = 'active' AND (NOT o.quotas ? 'concurrent_tasks'
      OR (SELECT count(*) FROM task_queue q WHERE q.org_id = o.org_id AND q.lease_owner IS NOT NULL)
        < (o.quotas ->> 'concurrent_tasks')::bigint)
    FROM organizations o WHERE o.org_id = l.org_id)
  AND (l.quota IS NULL OR (SELECT count(*) FROM task_queue q
      WHERE q.org_id = l.org_id AND q.engine = l.engine AND q.lease_owner IS NOT NULL) < l.quota)`;

/**
 * Locks up to `most` lanes of each engine that have something to claim, those with the lowest virtual time first.
 * Lanes that another claim holds are passed by; with `wait` they are waited for instead.
 *
 * An engine's clock is the least virtual time of its lanes that could be served, whoever holds them, and never
 * goes back: a lane that was away (empty, suspended, at its quota, resting) comes back at the clock. So it
 * neither gets what it missed nor waits for what others got meanwhile.
 */
export async function lockLanes(
  tx: MetadataTx,
  engines: string[],
  most: number,
  { wait = false }: { wait?: boolean } = {},
): Promise<LockedLanes> {
  return lockedLanes((await locking(engines, most, { wait }).execute(tx)).rows);
}

type LockedRow = { [K in keyof Lane]: Lane[K] | null } & { servable: number };

/** What `lockLanes` says, without values, so that it may begin a transaction; `lockedLanes` reads its rows. */
export function locking(engines: string[], most: number, { wait = false } = {}): RawBuilder<LockedRow> {
  const names = sql.join(engines.toSorted().map((engine) => sql.lit(engine)));
  return sql<LockedRow>`
    WITH wanted AS (SELECT unnest(ARRAY[${names}]::text[]) AS engine),
    seen AS MATERIALIZED (
      SELECT e.engine, c.clock, l.org_id, l.vtime FROM wanted e
      CROSS JOIN LATERAL (SELECT (SELECT k.clock FROM queue_lanes k WHERE k.engine = e.engine
        ORDER BY k.clock DESC LIMIT 1) AS clock OFFSET 0) AS c
      CROSS JOIN LATERAL (SELECT l.org_id, l.vtime FROM queue_lanes l WHERE l.engine = e.engine AND ${SERVABLE}
        ORDER BY l.vtime LIMIT ${sql.lit(most + BESIDE)}) AS l)
    SELECT n.servable, l.* FROM (SELECT count(*) AS servable FROM seen) AS n LEFT JOIN (wanted e
    CROSS JOIN LATERAL (
      SELECT l.org_id, l.engine, l.vtime, l.weight, l.quota, (SELECT (o.quotas ->> 'concurrent_tasks')::bigint
          FROM organizations o WHERE o.org_id = l.org_id) AS org_quota,
        greatest(s.clock, (SELECT min(f.vtime) FROM seen f WHERE f.engine = e.engine)) AS clock
      FROM seen s JOIN queue_lanes l ON l.org_id = s.org_id AND l.engine = s.engine
      WHERE s.engine = e.engine AND l.engine = e.engine AND l.is_active AND l.available_at <= now()
      ORDER BY s.vtime LIMIT ${sql.lit(most)} FOR NO KEY UPDATE OF l ${wait ? sql`` : sql`SKIP LOCKED`}) AS l) ON true`;
}

export function lockedLanes(rows: LockedRow[]): LockedLanes {
  const lanes = rows.flatMap(({ servable: _, ...lane }) => (lane.org_id === null ? [] : [lane as Lane]));
  return { lanes, servable: rows[0]?.servable ?? 0 };
}

/**
 * Of organizations with a quota of their own, locks those that no other claim is counting, and returns their
 * ids: two engines' lanes are two locks, and each claim would believe in the same free places.
 */
export async function lockQuotas(tx: MetadataTx, orgIds: string[]): Promise<Set<string>> {
  if (orgIds.length === 0) return new Set();
  const rows = await tx
    .selectFrom("organizations")
    .select("org_id")
    .where("org_id", "in", orgIds)
    .forNoKeyUpdate()
    .skipLocked()
    .execute();
  return new Set(rows.map((row) => row.org_id));
}

/** Leased tasks of organizations, by lane. Exact where the caller had the locks before this statement began. */
export async function countLeased(
  tx: MetadataTx,
  orgIds: string[],
): Promise<(LaneKey & { leased: number })[]> {
  if (orgIds.length === 0) return [];
  return tx
    .selectFrom("task_queue")
    .select(({ fn }) => ["org_id", "engine", fn.countAll<number>().as("leased")])
    .where("org_id", "in", orgIds)
    .where("lease_owner", "is not", null)
    .groupBy(["org_id", "engine"])
    .execute();
}

/**
 * Moves lanes on that were served, under their locks, and lets those rest that hold nothing to claim any more, now
 * or later. That is asked in a statement of its own, which sees what was committed before the lock was had: who
 * puts a row into a lane locks it too (`wakeLanes`), so either its row is seen here, or it comes after us and
 * finds the lane at rest.
 */
export async function settleLanes(
  tx: MetadataTx,
  served: (LaneKey & { vtime: number; clock: number })[],
): Promise<void> {
  if (served.length === 0) return;
  await sql`UPDATE queue_lanes l SET vtime = s.vtime, clock = greatest(l.clock, s.clock),
      is_active = (SELECT true FROM task_queue q
        WHERE q.engine = l.engine AND q.org_id = l.org_id AND q.lease_owner IS NULL
        ORDER BY q.available_at LIMIT 1) IS NOT NULL
    FROM jsonb_to_recordset(${JSON.stringify(served)}::jsonb)
      AS s(org_id uuid, engine text, vtime double precision, clock double precision)
    WHERE l.org_id = s.org_id AND l.engine = s.engine
      -- Said twice: the planner knows nothing of the rows above, and would read all lanes that rest.
      AND l.org_id = ANY (${served.map(({ org_id }) => org_id)}::uuid[])`.execute(tx);
}

/**
 * Wakes lanes that got rows to claim, or makes them; they stay locked until the transaction ends, also those that
 * were awake (see `settleLanes`), so this comes last: nothing that waits for a row of the queue may follow.
 * `reached`: their organization's database was spoken to just now, so a rest because it was away is over. `call`
 * goes out when the transaction commits.
 */
export async function wakeLanes(
  tx: MetadataTx,
  lanes: LaneKey[],
  { reached = false, call }: { reached?: boolean; call?: { channel: string; message: string } } = {},
): Promise<void> {
  if (lanes.length === 0) return;
  // Without the WHERE each would be written again; those that it leaves alone are locked all the same.
  const woken = sql`INSERT INTO queue_lanes AS l (org_id, engine)
    SELECT DISTINCT org_id, engine COLLATE "C" FROM jsonb_to_recordset(${JSON.stringify(lanes.map(keyOf))}::jsonb)
      AS k(org_id uuid, engine text) ORDER BY 2, 1
    ON CONFLICT (org_id, engine) DO UPDATE SET is_active = true,
      available_at = CASE WHEN ${reached} THEN '-infinity' ELSE l.available_at END,
      rest_seconds = CASE WHEN ${reached} THEN 0 ELSE l.rest_seconds END
    WHERE NOT l.is_active OR (${reached} AND l.rest_seconds > 0)`;
  await (call === undefined
    ? woken
    : sql`WITH woken AS (${woken}) SELECT pg_notify(${call.channel}, ${call.message})`
  ).execute(tx);
}

function keyOf({ org_id, engine }: LaneKey): LaneKey {
  return { org_id, engine };
}

const LONGEST_REST_SECONDS = 300;
/** A rest that comes within this time after the last one is twice as long. */
const SOON_SECONDS = 60;

/**
 * Lets all lanes of organizations rest whose database could not be reached: `seconds`, and twice as long each time
 * that it is met again soon after, up to 5 min. Lanes that rest already stay as they are, but are locked too: the
 * caller may wake any of them then.
 */
export async function restLanes(tx: MetadataTx, orgIds: string[], seconds: number): Promise<void> {
  await sql`WITH locked AS MATERIALIZED (SELECT org_id, engine, available_at,
      CASE WHEN rest_seconds > 0 AND available_at > now() - make_interval(secs => ${SOON_SECONDS})
        THEN least(${LONGEST_REST_SECONDS}, rest_seconds * 2) ELSE ${seconds} END AS secs
      FROM queue_lanes WHERE org_id = ANY (${orgIds}::uuid[])
      ${IN_ORDER} FOR NO KEY UPDATE)
    UPDATE queue_lanes l SET rest_seconds = r.secs, available_at = now() + make_interval(secs => r.secs)
    FROM locked r WHERE l.org_id = r.org_id AND l.engine = r.engine AND r.available_at <= now()`.execute(tx);
}
