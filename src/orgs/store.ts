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
      "d.breaking_version",
      "d.credential_version",
    ])
    .select(sql<number | null>`(o.quotas ->> 'queued_tasks')::bigint`.as("queued_tasks"));
}

export async function selectOptionalPlace(tx: MetadataTx, orgId: string): Promise<OrgPlace | undefined> {
  return places(tx).where("o.org_id", "=", orgId).executeTakeFirst();
}

/**
 * An organization by id, name (whatever the case) or slug. One's name may be another's slug: then the
 * name wins, so that the same text always means the same one.
 */
export async function selectOptionalPlaceByText(tx: MetadataTx, text: string): Promise<OrgPlace | undefined> {
  const wanted = folded(text);
  return places(tx)
    .where((eb) =>
      eb.or([
        eb(eb.fn("lower", ["o.name"]), "=", wanted),
        eb("o.slug", "=", wanted),
        eb(sql<string>`o.org_id::text`, "=", wanted),
      ]),
    )
    .where("o.status", "<>", "deleted")
    .orderBy(sql`o.org_id::text = ${wanted}`, "desc")
    .orderBy(sql`lower(o.name) = ${wanted}`, "desc")
    .executeTakeFirst();
}

/** As names are kept, and lower by PostgreSQL's rules, as the index has them: JavaScript's are others for a few letters. */
function folded(text: string) {
  return sql<string>`lower(${text.normalize("NFC")})`;
}

/** An organization by its name alone, whatever the case. */
export async function selectOptionalPlaceByName(tx: MetadataTx, name: string): Promise<OrgPlace | undefined> {
  return places(tx)
    .where((eb) => eb(eb.fn("lower", ["o.name"]), "=", folded(name)))
    .where("o.status", "<>", "deleted")
    .executeTakeFirst();
}

/** Every organization that has a database and is not gone, oldest first. */
export async function selectPlaces(tx: MetadataTx): Promise<OrgPlace[]> {
  return places(tx).where("o.status", "not in", ["deleted"]).orderBy("o.org_id").execute();
}

/** Organizations whose database is there and was touched within `seconds`, whatever their status. */
export async function selectTouchedOrgs(tx: MetadataTx, seconds: number): Promise<string[]> {
  const rows = await tx
    .selectFrom("org_databases as d")
    .innerJoin("organizations as o", "o.org_id", "d.org_id")
    .select("d.org_id")
    .where("d.state", "=", "active")
    .where("o.status", "in", ["active", "suspended", "deleting"])
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
  /** `metadata`, or host:port of another server; the shared database's by default. */
  server_address?: string;
  database_name: string;
  role_name: string;
};

/**
 * The intent: an organization that is being provisioned, with its place in the directory. One statement, as
 * whoever makes an organization waits for it.
 */
export async function insertOrganization(tx: MetadataTx, org: NewOrganization): Promise<void> {
  const { org_id, name, slug, database_name, role_name, server_address = "metadata" } = org;
  const server_name = server_address === "metadata" ? "default" : server_address;
  // Two first organizations at once: the second takes the server's row of the first.
  await sql`
    WITH organization AS (INSERT INTO organizations (org_id, name, slug) VALUES (${org_id}, ${name}, ${slug})),
      settings AS (INSERT INTO org_settings (org_id) VALUES (${org_id})),
      known AS (SELECT server_id FROM database_servers WHERE name = ${server_name}),
      made AS (
        INSERT INTO database_servers (name, address)
        SELECT ${server_name}, ${server_address} WHERE NOT EXISTS (SELECT FROM known)
        ON CONFLICT (name) DO UPDATE SET address = excluded.address RETURNING server_id)
    INSERT INTO org_databases (org_id, server_id, database_name, role_name)
    SELECT ${org_id}, server_id, ${database_name}, ${role_name}
    FROM (SELECT server_id FROM known UNION ALL SELECT server_id FROM made) AS server`.execute(tx);
}

/** True where an organization that is not gone has the slug. */
export async function slugExists(tx: MetadataTx, slug: string): Promise<boolean> {
  const row = await tx
    .selectFrom("organizations")
    .select("org_id")
    .where("slug", "=", slug)
    .where("status", "<>", "deleted")
    .executeTakeFirst();
  return row !== undefined;
}
