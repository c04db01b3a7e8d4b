import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";

export type UserRow = { user_id: string; username: string; enabled: boolean; is_admin: boolean };

/** A user by name, whatever the case. */
export async function selectOptionalUser(tx: MetadataTx, username: string): Promise<UserRow | undefined> {
  return tx
    .selectFrom("users")
    .select(["user_id", "username", "enabled", "is_admin"])
    .where((eb) => eb(eb.fn("lower", ["username"]), "=", sql<string>`lower(${username.normalize("NFC")})`))
    .executeTakeFirst();
}

/** What a person is called; undefined where the asker may not know of them. */
export async function selectOptionalUsername(tx: MetadataTx, userId: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom("users")
    .select("username")
    .where("user_id", "=", userId)
    .executeTakeFirst();
  return row?.username;
}

/** The organizations that a person is a member of, oldest first. */
export async function selectMemberships(tx: MetadataTx, userId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom("memberships")
    .select("org_id")
    .where("user_id", "=", userId)
    .orderBy("org_id")
    .execute();
  return rows.map((row) => row.org_id);
}

export type Grants = { is_member: boolean; roles: string[]; permissions: string[] };

/** Roles and permissions of a person in an organization. */
export async function selectGrants(tx: MetadataTx, userId: string, orgId: string): Promise<Grants> {
  const member = await tx
    .selectFrom("memberships")
    .select("user_id")
    .where("user_id", "=", userId)
    .where("org_id", "=", orgId)
    .executeTakeFirst();
  const rows = await tx
    .selectFrom("membership_roles as m")
    .innerJoin("roles as r", "r.role_id", "m.role_id")
    .leftJoin("role_permissions as p", "p.role_id", "r.role_id")
    .select(["r.name", "p.permission"])
    .where("m.user_id", "=", userId)
    .where("m.org_id", "=", orgId)
    .execute();
  return {
    is_member: member !== undefined,
    roles: [...new Set(rows.map((row) => row.name))],
    permissions: rows.flatMap((row) => (row.permission === null ? [] : [row.permission])),
  };
}

/** Makes a person a member with a system role; saying it twice changes nothing. */
export async function insertMembership(
  tx: MetadataTx,
  membership: { user_id: string; org_id: string; role: string },
): Promise<void> {
  const { user_id, org_id, role } = membership;
  await sql`
    WITH membership AS (
      INSERT INTO memberships (user_id, org_id) VALUES (${user_id}, ${org_id}) ON CONFLICT DO NOTHING)
    INSERT INTO membership_roles (user_id, org_id, role_id)
    SELECT ${user_id}, ${org_id}, role_id FROM roles WHERE name = ${role} AND org_id IS NULL
    ON CONFLICT DO NOTHING`.execute(tx);
}
