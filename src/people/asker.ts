import { ADMIN_ROLES, PERMISSIONS, type Permission } from "../access/permissions.ts";
import { require } from "../access/policy.ts";
import type { OrgPrincipal } from "../access/principal.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import {
  type HeldRole,
  isMember,
  type LockedOrg,
  lockOrganizations,
  selectHeldRoles,
} from "./members-store.ts";
import { selectOptionalUserById } from "./users-store.ts";

/** Who changes what others may do, with what they may do themselves at this moment. */
export type Asker = {
  principal: OrgPrincipal;
  org: LockedOrg;
  permissions: ReadonlySet<string>;
  /** Owner of the organization, or operator. */
  isOwner: boolean;
  /** Sees private rows of others: owner, admin or operator. */
  isAdmin: boolean;
};

/**
 * Locks the organization and asks anew what the asker may do there: what was known of them when they asked may be
 * seconds old, and somebody may have taken it away meanwhile. A key's scopes still hold.
 * Throws AppError not_found (no such organization, or none of theirs any more), forbidden.
 */
export async function askerIn(tx: MetadataTx, principal: OrgPrincipal): Promise<Asker> {
  const [org] = await lockOrganizations(tx, [principal.org_id]);
  const missing = new AppError("not_found", "no such organization");
  if (org === undefined) throw missing;
  const user = await selectOptionalUserById(tx, principal.user_id);
  // Of the owner of a key, too: its scopes, which are among what it may do, hold it back.
  const isOperator = user?.is_admin === true;
  if (user?.enabled !== true)
    throw new AppError("forbidden", `${principal.username} may do nothing any more`);
  const held = await selectHeldRoles(tx, principal.user_id, org.org_id);
  if (!isOperator && !(await isMember(tx, principal.user_id, org.org_id))) throw missing;
  const own = new Set(isOperator ? PERMISSIONS : held.flatMap((role) => role.permissions));
  const permissions = new Set([...principal.permissions].filter((name) => own.has(name)));
  require({ ...principal, permissions }, "members:manage");
  const has = (names: readonly string[]) => held.some(({ system, name }) => system && names.includes(name));
  // A key with scopes stands below its owner's rank, as it stands below what its owner sees.
  const ranked = principal.via !== "key" || principal.is_org_admin;
  return {
    principal,
    org,
    permissions,
    isOwner: ranked && (isOperator || has(["owner"])),
    isAdmin: ranked && (isOperator || has(ADMIN_ROLES)),
  };
}

function isSystems(role: Pick<HeldRole, "system" | "name">, name: string): boolean {
  return role.system && role.name === name;
}

export function isOwnerRole(role: Pick<HeldRole, "system" | "name">): boolean {
  return isSystems(role, "owner");
}

/** Throws AppError forbidden where a role would give what the asker does not have: nobody rises by another's hand. */
export function refuseGrant(asker: Asker, roles: HeldRole[]): void {
  for (const role of roles) {
    refuseRank(asker, role, "give");
    refusePermissions(asker, role.permissions, `the role ${role.name}`);
  }
}

/** Throws AppError forbidden where the asker lacks one of the permissions. */
export function refusePermissions(asker: Asker, permissions: string[], what: string): void {
  const lacking = permissions.filter((name) => !asker.permissions.has(name as Permission));
  if (lacking.length === 0) return;
  throw new AppError(
    "forbidden",
    `you may not give ${what}: it has ${lacking.join(", ")}, which you do not have yourself`,
  );
}

/** Throws AppError forbidden where somebody's roles stand above the asker's. */
export function refuseManage(asker: Asker, roles: HeldRole[]): void {
  for (const role of roles) refuseRank(asker, role, "take or change");
}

function refuseRank(asker: Asker, role: HeldRole, verb: string): void {
  if (isOwnerRole(role) && !asker.isOwner)
    throw new AppError("forbidden", `you may not ${verb} the role owner: only an owner may`);
  if (ADMIN_ROLES.some((name) => isSystems(role, name)) && !asker.isAdmin)
    throw new AppError("forbidden", `you may not ${verb} the role ${role.name}: only an owner or admin may`);
}
