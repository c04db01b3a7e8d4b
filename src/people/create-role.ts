import { inOrganization } from "../access/policy.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { MOST } from "../limits/most.ts";
import type { Told } from "../operation.ts";
import { type Asker, askerIn, refusePermissions } from "./asker.ts";
import { changePeople, type PeopleCall } from "./call.ts";
import { findRole } from "./find.ts";
import { roleNameOf } from "./names.ts";
import type { Role, RoleCreate } from "./role-schema.ts";
import { insertRole, selectRoles } from "./roles-store.ts";

/**
 * Makes a role of the organization's own. Throws AppError bad_input, forbidden (a permission that the asker lacks),
 * conflict (the name is taken, also by one of the system's), quota (too many roles).
 */
export async function createRole(call: PeopleCall, input: RoleCreate): Promise<Role> {
  const principal = inOrganization(call.principal);
  const role_id = newId();
  const name = roleNameOf(input.name);
  const permissions = [...new Set(input.permissions)].sort();
  return changePeople(call, async (tx) => {
    const asker = await askerIn(tx, principal);
    const { org_id } = asker.org;
    refusePermissions(asker, permissions, "this role");
    await refuseRoleName(tx, asker, name);
    await insertRole(tx, { role_id, org_id, name, permissions });
    return { answer: await findRole(tx, org_id, role_id), told: [ofRole(org_id, role_id, { permissions })] };
  });
}

/**
 * Throws AppError conflict where a role has that name, whatever the case: one that is called as the system's would be
 * taken for it; quota where a new one would be one too many. The organization is locked, so two at once have one order.
 */
export async function refuseRoleName(
  tx: MetadataTx,
  { org }: Asker,
  name: string,
  roleId?: string,
): Promise<void> {
  const roles = await selectRoles(tx, org.org_id);
  const same = roles.find(
    (role) => role.name.toLowerCase() === name.toLowerCase() && role.role_id !== roleId,
  );
  if (same !== undefined)
    throw new AppError("conflict", `a role called "${same.name}" is there already: choose another name`);
  if (roleId === undefined && roles.filter(({ system }) => !system).length >= MOST.roles)
    throw new AppError("quota", `an organization has ${MOST.roles} roles of its own at most: delete one`);
}

export function ofRole(orgId: string, roleId: string, metadata?: Told["metadata"]): Told {
  return {
    entity_type: "role",
    entity_id: roleId,
    org_id: orgId,
    ...(metadata === undefined ? {} : { metadata }),
  };
}
