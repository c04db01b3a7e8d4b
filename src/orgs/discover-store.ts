import type pg from "pg";
import type { MetadataTx } from "../db/metadata.ts";
import { ident, type Roles } from "../db/roles.ts";

export type OwnedDatabase = { database_name: string; role_name: string | null };

/**
 * Databases of a server that belong to our owner role and may be connected to, with the organization's login
 * of each: one that is let in and acts as the machinery and as people. Whoever else was let in, to read reports
 * say, is nobody's login and stays as he is.
 */
export async function selectOwnedDatabases(client: pg.ClientBase, roles: Roles): Promise<OwnedDatabase[]> {
  const rows = await client.query<OwnedDatabase>(
    `SELECT d.datname AS database_name, (
       SELECT r.rolname FROM aclexplode(d.datacl) a JOIN pg_roles r ON r.oid = a.grantee
       WHERE a.privilege_type = 'CONNECT' AND r.rolcanlogin
         AND 2 = (SELECT count(DISTINCT g.rolname) FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
           WHERE m.member = r.oid AND g.rolname IN ($2, $3))
       ORDER BY r.rolname = d.datname DESC, r.rolname LIMIT 1) AS role_name
     FROM pg_database d WHERE pg_get_userbyid(d.datdba) = $1 AND d.datallowconn AND NOT d.datistemplate
     ORDER BY d.datname`,
    [roles.owner, roles.system, roles.member],
  );
  return rows.rows;
}

export type Identity = { org_id: string; generation: number };

/** Whose database this is, as it says itself; undefined where it is no results database or nobody said. */
export async function selectOptionalIdentity(
  client: pg.ClientBase,
  roles: Roles,
): Promise<Identity | undefined> {
  const found = await client.query("SELECT to_regclass('public.database_identity') IS NOT NULL AS found");
  if (found.rows[0]?.found !== true) return undefined;
  // Row security is forced: the administrator sees rows as the owner only.
  await client.query(`SET ROLE ${ident(roles.owner)}`);
  const rows = await client.query<Identity>("SELECT org_id, generation FROM database_identity");
  return rows.rows[0];
}

export type DirectoryRow = {
  org_id: string;
  name: string;
  status: string;
  server_address: string;
  database_name: string;
  generation: number;
  state: string;
};

/** Every row of the directory, tombstones included. */
export async function selectDirectory(tx: MetadataTx): Promise<DirectoryRow[]> {
  return tx
    .selectFrom("org_databases as d")
    .innerJoin("organizations as o", "o.org_id", "d.org_id")
    .innerJoin("database_servers as s", "s.server_id", "d.server_id")
    .select([
      "d.org_id",
      "o.name",
      "o.status",
      "s.address as server_address",
      "d.database_name",
      "d.generation",
      "d.state",
    ])
    .orderBy("d.org_id")
    .execute();
}

/** The generation that a found database says of itself; the directory of a new organization begins with 1. */
export async function updateGeneration(tx: MetadataTx, orgId: string, generation: number): Promise<void> {
  await tx.updateTable("org_databases").set({ generation }).where("org_id", "=", orgId).execute();
}
