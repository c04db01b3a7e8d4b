import { sql } from "kysely";
import type pg from "pg";
import type { MetadataTx } from "../db/metadata.ts";
import { MONTHS_DUE } from "../db/months.ts";
import type { OrgPlace } from "./place.ts";

/** What of a place a migration needs. */
export type FleetPlace = Pick<
  OrgPlace,
  "org_id" | "name" | "server_address" | "database_name" | "schema_version" | "breaking_version"
>;

/** Which databases: by what the directory says of their version; both bounds are left out themselves. */
export type FleetFilter = { below?: number; above?: number; org_id?: string };

/** What a migration says of one database; null leaves the copy of its version as it is. */
export type FleetNote = {
  org_id: string;
  schema_version: number | null;
  breaking_version: number | null;
  last_error: string | null;
  /**
   * On the way up: the version that the directory had when the run read it. Where it has another one since,
   * somebody else told it something, and the higher one stays.
   */
  seen_version?: number;
};

/**
 * Databases that are made and not dropped, whatever their organization's status: a suspended one is read, and
 * one that is being deleted may be taken back, when nobody would remember that it missed a migration.
 */
function fleet(tx: MetadataTx, { below, above, org_id }: FleetFilter) {
  return tx
    .selectFrom("org_databases as d")
    .innerJoin("organizations as o", "o.org_id", "d.org_id")
    .innerJoin("database_servers as s", "s.server_id", "d.server_id")
    .where("d.state", "=", "active")
    .where("o.status", "<>", "deleted")
    .$if(below !== undefined, (query) => query.where("d.schema_version", "<", below as number))
    .$if(above !== undefined, (query) => query.where("d.schema_version", ">", above as number))
    .$if(org_id !== undefined, (query) => query.where("d.org_id", "=", org_id as string));
}

function placesOf(tx: MetadataTx, filter: FleetFilter) {
  return fleet(tx, filter).select([
    "d.org_id",
    "o.name",
    "s.address as server_address",
    "d.database_name",
    "d.schema_version",
    "d.breaking_version",
  ]);
}

export async function countFleet(tx: MetadataTx, filter: FleetFilter): Promise<number> {
  const row = await fleet(tx, filter)
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .executeTakeFirst();
  return row?.count ?? 0;
}

/**
 * True where a database is older than `below` that nobody tried to migrate in vain: one that failed waits for
 * its operator, and must not be tried by every command.
 */
export async function isFleetBehind(tx: MetadataTx, below: number): Promise<boolean> {
  const row = await fleet(tx, { below })
    .select("d.org_id")
    .where("d.last_error", "is", null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/**
 * A page by id, so that a run meets each database once: its version changes under the run, its id does not.
 */
export async function selectFleetPage(
  tx: MetadataTx,
  filter: FleetFilter,
  after: string | null,
  limit: number,
): Promise<FleetPlace[]> {
  return placesOf(tx, filter)
    .$if(after !== null, (query) => query.where("d.org_id", ">", after as string))
    .orderBy("d.org_id")
    .limit(limit)
    .execute();
}

/** The next to be tried alone: the oldest that did not fail the last time, or else the oldest that did. */
export async function selectOptionalCanary(
  tx: MetadataTx,
  filter: FleetFilter,
  tried: string[],
): Promise<FleetPlace | undefined> {
  return placesOf(tx, filter)
    .$if(tried.length > 0, (query) => query.where("d.org_id", "not in", tried))
    .orderBy(sql`d.last_error IS NOT NULL`)
    .orderBy("d.org_id")
    .limit(1)
    .executeTakeFirst();
}

/** Copies what ledgers say into the directory, many at once; locked in one order, so that two runs don't block each other for good. */
export async function updateFleetPlaces(tx: MetadataTx, notes: FleetNote[]): Promise<void> {
  const ids = notes.map((note) => note.org_id);
  await tx
    .selectFrom("org_databases")
    .select("org_id")
    .where("org_id", "in", ids)
    .orderBy("org_id")
    .forUpdate()
    .execute();
  await sql`
    UPDATE org_databases d
    SET schema_version = CASE WHEN v.older THEN d.schema_version ELSE v.schema_version END,
        breaking_version = CASE WHEN v.older THEN d.breaking_version ELSE v.breaking_version END,
        last_error = v.last_error
    FROM (
      SELECT n.*, n.schema_version IS NULL
        OR (n.seen_version <> o.schema_version AND n.schema_version < o.schema_version) IS TRUE AS older
      FROM jsonb_to_recordset(${JSON.stringify(notes)}::jsonb)
        AS n (org_id uuid, schema_version integer, breaking_version integer, last_error text, seen_version integer)
      JOIN org_databases o USING (org_id)
    ) AS v
    WHERE d.org_id = v.org_id`.execute(tx);
}

/**
 * True where another process has a session in the metadata database: idle ones stay longer than it believes what
 * it read. A program's sessions have its purpose and process id in their name.
 */
export async function hasOtherSessions(tx: MetadataTx): Promise<boolean> {
  const found = await sql<{ found: boolean }>`
    SELECT EXISTS (SELECT FROM pg_stat_activity
      WHERE datname = current_database() AND usename = session_user
        AND application_name <> current_setting('application_name')) AS found`.execute(tx);
  return found.rows[0]?.found === true;
}

/** True where the month after next has no partition yet. Asking is cheaper than calling what makes them. */
export const PARTITIONS_DUE = `to_regprocedure('public.ensure_partitions()') IS NOT NULL AND ${MONTHS_DUE}`;

/** Makes the partitions of the coming months in a results database. */
export async function makePartitions(client: pg.ClientBase): Promise<void> {
  await client.query("SELECT public.ensure_partitions()");
}
