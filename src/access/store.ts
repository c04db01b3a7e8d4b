import type { MetadataTx } from "../db/metadata.ts";

export type UserRow = { user_id: string; username: string; enabled: boolean; is_admin: boolean };

/** A user by name, whatever the case. */
export async function selectOptionalUser(tx: MetadataTx, username: string): Promise<UserRow | undefined> {
  return tx
    .selectFrom("users")
    .select(["user_id", "username", "enabled", "is_admin"])
    .where((eb) => eb(eb.fn("lower", ["username"]), "=", username.toLowerCase()))
    .executeTakeFirst();
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
  await tx
    .insertInto("memberships")
    .values({ user_id, org_id })
    .onConflict((oc) => oc.doNothing())
    .execute();
  await tx
    .insertInto("membership_roles")
    .columns(["user_id", "org_id", "role_id"])
    .expression((eb) =>
      eb
        .selectFrom("roles")
        .select((s) => [s.val(user_id).as("user_id"), s.val(org_id).as("org_id"), "role_id"])
        .where("name", "=", role)
        .where("org_id", "is", null),
    )
    .onConflict((oc) => oc.doNothing())
    .execute();
}
