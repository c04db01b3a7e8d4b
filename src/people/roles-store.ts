import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { HeldRole } from "./members-store.ts";
import type { Role } from "./role-schema.ts";

/** Roles that an organization's members may have: the system's, then its own, each by name. */
export async function selectRoles(tx: MetadataTx, orgId: string): Promise<Role[]> {
  const rows = await sql<Role>`
    SELECT r.role_id, r.org_id, r.name, r.org_id IS NULL AS system, r.created_at, r.updated_at,
      ARRAY(SELECT p.permission FROM role_permissions p WHERE p.role_id = r.role_id ORDER BY 1) AS permissions,
      (SELECT count(*) FROM membership_roles m WHERE m.role_id = r.role_id AND m.org_id = ${orgId}) AS members
    FROM roles r WHERE r.org_id IS NULL OR r.org_id = ${orgId}
    ORDER BY r.org_id NULLS FIRST, r.name`.execute(tx);
  return rows.rows;
}

/** A role as somebody holds it. */
export function heldOf({ role_id, name, system, permissions }: Role): HeldRole {
  return { role_id, name, system, permissions };
}

export async function insertRole(
  tx: MetadataTx,
  role: { role_id: string; org_id: string; name: string; permissions: string[] },
): Promise<void> {
  const { permissions, ...row } = role;
  await tx.insertInto("roles").values(row).execute();
  await insertPermissions(tx, role.role_id, permissions);
}

export async function insertPermissions(
  tx: MetadataTx,
  roleId: string,
  permissions: string[],
): Promise<void> {
  if (permissions.length === 0) return;
  await tx
    .insertInto("role_permissions")
    .values(permissions.map((permission) => ({ role_id: roleId, permission })))
    .execute();
}

export async function deletePermissions(
  tx: MetadataTx,
  roleId: string,
  permissions: string[],
): Promise<void> {
  if (permissions.length === 0) return;
  await tx
    .deleteFrom("role_permissions")
    .where("role_id", "=", roleId)
    .where("permission", "in", permissions)
    .execute();
}

export async function updateRoleName(tx: MetadataTx, roleId: string, name: string): Promise<void> {
  await tx.updateTable("roles").set({ name }).where("role_id", "=", roleId).execute();
}

/** Invitations with it that were used stay: they are counted, and would go with it. */
export async function deleteRole(tx: MetadataTx, roleId: string): Promise<void> {
  await tx
    .updateTable("tokens")
    .set({ role_id: null })
    .where("role_id", "=", roleId)
    .where("used_at", "is not", null)
    .execute();
  await tx.deleteFrom("roles").where("role_id", "=", roleId).execute();
}

/** Who has a role. */
export async function selectHolders(tx: MetadataTx, roleId: string): Promise<string[]> {
  const rows = await tx
    .selectFrom("membership_roles")
    .select("user_id")
    .distinct()
    .where("role_id", "=", roleId)
    .execute();
  return rows.map((row) => row.user_id);
}
