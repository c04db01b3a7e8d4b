import { inOrganization } from "../access/policy.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { refuseChanged } from "../if-match.ts";
import { type Asker, askerIn, refusePermissions } from "./asker.ts";
import { changePeople, type PeopleCall } from "./call.ts";
import { ofRole, refuseRoleName } from "./create-role.ts";
import { findRole } from "./find.ts";
import { revokeInvitationsOf } from "./invitations-store.ts";
import { roleNameOf } from "./names.ts";
import type { Role, RoleUpdate } from "./role-schema.ts";
import {
  deletePermissions,
  deleteRole,
  insertPermissions,
  selectHolders,
  updateRoleName,
} from "./roles-store.ts";

/**
 * Renames a role, or gives it other permissions, for everybody who has it. Throws AppError not_found, usage, forbidden
 * (the system's; a permission to be added that the asker lacks), conflict (the name is taken; with code
 * precondition_failed: the role changed since `if_match`).
 */
export async function updateRole(call: PeopleCall, input: RoleUpdate): Promise<Role> {
  const principal = inOrganization(call.principal);
  if (input.name === undefined && input.permissions === undefined)
    throw new AppError("usage", "say what to change of the role: its name or its permissions");
  return changePeople(call, async (tx) => {
    const asker = await askerIn(tx, principal);
    const role = await ownRole(tx, asker, input.role);
    refuseChanged(role, input.if_match, "the role");
    const { role_id } = role;
    const { org_id } = asker.org;
    const wanted = input.permissions ?? role.permissions;
    const given = [...new Set(wanted)].filter((one) => !role.permissions.includes(one)).sort();
    const taken = role.permissions.filter((one) => !(wanted as string[]).includes(one));
    refusePermissions(asker, given, "this role");
    if (input.name !== undefined) {
      const name = roleNameOf(input.name);
      await refuseRoleName(tx, asker, name, role_id);
      await updateRoleName(tx, role_id, name);
    }
    await insertPermissions(tx, role_id, given);
    await deletePermissions(tx, role_id, taken);
    const holders = await selectHolders(tx, role_id);
    // They may have invited with what is taken from them now.
    if (taken.length > 0) for (const holder of holders) await revokeInvitationsOf(tx, holder, org_id);
    return {
      answer: await findRole(tx, org_id, role_id),
      told: [ofRole(org_id, role_id, { given, taken, renamed: input.name !== undefined })],
      forget: holders,
    };
  });
}

/** Deletes a role that nobody has. Invitations to it go with it. Throws AppError not_found, forbidden, conflict. */
export async function removeRole(
  call: PeopleCall,
  input: { role: string },
): Promise<{ role_id: string; name: string }> {
  const principal = inOrganization(call.principal);
  return changePeople(call, async (tx) => {
    const asker = await askerIn(tx, principal);
    const { role_id, name, members } = await ownRole(tx, asker, input.role);
    if (members > 0)
      throw new AppError(
        "conflict",
        `${members === 1 ? "a member has" : `${members} members have`} the role ${name}: give them another one first`,
      );
    await deleteRole(tx, role_id);
    return { answer: { role_id, name }, told: [ofRole(asker.org.org_id, role_id)] };
  });
}

/** A role that is the organization's to change. */
async function ownRole(tx: MetadataTx, asker: Asker, text: string): Promise<Role> {
  const role = await findRole(tx, asker.org.org_id, text);
  if (!role.system) return role;
  throw new AppError(
    "forbidden",
    `the role ${role.name} is the system's, and nobody changes it: make one of your own`,
  );
}
