import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { OrgPlace } from "./place.ts";

function places(tx: MetadataTx) {
  return tx
    .selectFrom("organizations as o")
    .innerJoin("org_databases as d", "d.org_id", "o.org_id")
    .innerJoin("database_servers as s", "s.server_id", "d.server_id")
    .select([
      "o.org_id",
      "o.name",
      "o.slug",
      "o.status",
      "s.address as server_address",
      "d.database_name",
      "d.role_name",
      "d.generation",
      "d.state",
      "d.schema_version",
      "d.credential_version",
    ]);
}

export async function selectOptionalPlace(tx: MetadataTx, orgId: string): Promise<OrgPlace | undefined> {
  return places(tx).where("o.org_id", "=", orgId).executeTakeFirst();
}

/** An organization by name (whatever the case), slug or id. */
export async function selectOptionalPlaceByText(tx: MetadataTx, text: string): Promise<OrgPlace | undefined> {
  return places(tx)
    .where((eb) =>
      eb.or([
        eb(eb.fn("lower", ["o.name"]), "=", text.toLowerCase()),
        eb("o.slug", "=", text.toLowerCase()),
        eb(sql<string>`o.org_id::text`, "=", text.toLowerCase()),
      ]),
    )
    .where("o.status", "<>", "deleted")
    .executeTakeFirst();
}

/** An organization by its name alone, whatever the case. */
export async function selectOptionalPlaceByName(tx: MetadataTx, name: string): Promise<OrgPlace | undefined> {
  return places(tx)
    .where((eb) => eb(eb.fn("lower", ["o.name"]), "=", name.toLowerCase()))
    .where("o.status", "<>", "deleted")
    .executeTakeFirst();
}

/** Every organization that has a database and is not gone, oldest first. */
export async function selectPlaces(tx: MetadataTx): Promise<OrgPlace[]> {
  return places(tx).where("o.status", "not in", ["deleted"]).orderBy("o.org_id").execute();
}

/** Active organizations whose database was touched within `seconds`. */
export async function selectTouchedOrgs(tx: MetadataTx, seconds: number): Promise<string[]> {
  const rows = await tx
    .selectFrom("org_databases as d")
    .innerJoin("organizations as o", "o.org_id", "d.org_id")
    .select("d.org_id")
    .where("d.state", "=", "active")
    .where("o.status", "in", ["active", "suspended"])
    .where("d.touched_at", ">", sql<string>`now() - make_interval(secs => ${seconds})`)
    .execute();
  return rows.map((row) => row.org_id);
}

/** Marks a database as one that the reconciler should look at, at most once in 5 s. */
export async function touchDatabase(tx: MetadataTx, orgId: string): Promise<void> {
  await tx
    .updateTable("org_databases")
    .set({ touched_at: sql`now()` })
    .where("org_id", "=", orgId)
    .where("touched_at", "<", sql<string>`now() - interval '5 seconds'`)
    .execute();
}

export type NewOrganization = {
  org_id: string;
  name: string;
  slug: string;
  database_name: string;
  role_name: string;
};

/** The intent: an organization that is being provisioned, with its place in the directory. */
export async function insertOrganization(tx: MetadataTx, org: NewOrganization): Promise<void> {
  const { org_id, name, slug, database_name, role_name } = org;
  await tx.insertInto("organizations").values({ org_id, name, slug }).execute();
  await tx.insertInto("org_settings").values({ org_id }).execute();
  await tx
    .insertInto("database_servers")
    .values({ name: "default", address: "metadata" })
    .onConflict((oc) => oc.doNothing())
    .execute();
  const server = await tx
    .selectFrom("database_servers")
    .select("server_id")
    .where("name", "=", "default")
    .executeTakeFirstOrThrow();
  await tx
    .insertInto("org_databases")
    .values({ org_id, server_id: server.server_id, database_name, role_name })
    .execute();
}

export async function slugExists(tx: MetadataTx, slug: string): Promise<boolean> {
  const row = await tx
    .selectFrom("organizations")
    .select("org_id")
    .where("slug", "=", slug)
    .executeTakeFirst();
  return row !== undefined;
}

/** Notes how far provisioning got; clears the last error. */
export async function updateDatabaseState(
  tx: MetadataTx,
  orgId: string,
  change: { state?: string; schema_version?: number; last_error?: string | null },
): Promise<void> {
  await tx
    .updateTable("org_databases")
    .set({ last_error: null, ...change })
    .where("org_id", "=", orgId)
    .execute();
}

export async function updateOrganizationStatus(tx: MetadataTx, orgId: string, status: string): Promise<void> {
  await tx.updateTable("organizations").set({ status }).where("org_id", "=", orgId).execute();
}
