import type { OrgPrincipal } from "../access/principal.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import type { Asker } from "./asker.ts";
import { type HeldRole, isMember, type MemberRow, selectHeldRoles, selectMembers } from "./members-store.ts";
import type { Role } from "./role-schema.ts";
import { heldOf, selectRoles } from "./roles-store.ts";
import type { User } from "./schema.ts";
import { lockUser, selectOptionalMemberId, selectOptionalUserByText } from "./users-store.ts";

/** A user by username, address or id, for who may know of everybody. Throws AppError not_found. */
export async function findUser(tx: MetadataTx, text: string): Promise<User> {
  const user = await selectOptionalUserByText(tx, text);
  if (user === undefined) throw new AppError("not_found", `no user is called "${text}"`);
  return user;
}

/** The same in words that an organization's people are told: a stranger and nobody look the same. */
function noMember(text: string): AppError {
  return new AppError("not_found", `no member is called "${text}"`);
}

/**
 * A member as the asker may see them. Whom an address belongs to is told to nobody who may not see it.
 * Throws AppError not_found.
 */
export async function findMember(
  tx: MetadataTx,
  { org_id, permissions }: OrgPrincipal,
  text: string,
): Promise<MemberRow> {
  const whole = permissions.has("members:manage");
  const user_id = text.includes("@") && !whole ? undefined : await selectOptionalMemberId(tx, org_id, text);
  if (user_id === undefined) throw noMember(text);
  const [row] = await selectMembers(tx, org_id, { limit: 1, user_id, whole });
  if (row === undefined) throw noMember(text);
  return row;
}

/**
 * A user under lock who is a member of the asker's organization, with their roles there. The user is locked before the
 * organization is. Throws AppError not_found.
 */
export async function lockMember(
  tx: MetadataTx,
  text: string,
  orgId: string,
  ask: () => Promise<Asker>,
): Promise<{ asker: Asker; user: User; held: HeldRole[] }> {
  // Nobody locks the row of somebody whom they may not know of.
  const found = await selectOptionalMemberId(tx, orgId, text);
  const user = found === undefined ? undefined : await lockUser(tx, found);
  const asker = await ask();
  if (user === undefined || !(await isMember(tx, user.user_id, orgId))) throw noMember(text);
  return { asker, user, held: await selectHeldRoles(tx, user.user_id, orgId) };
}

/** Roles by name or id, each once. Throws AppError not_found. */
export async function findRoles(tx: MetadataTx, orgId: string, texts: string[]): Promise<HeldRole[]> {
  const roles = await selectRoles(tx, orgId);
  const found = texts.map((text) => pick(roles, text));
  return [...new Map(found.map((role) => [role.role_id, heldOf(role)])).values()];
}

/** A role by name or id. Throws AppError not_found. */
export async function findRole(tx: MetadataTx, orgId: string, text: string): Promise<Role> {
  return pick(await selectRoles(tx, orgId), text);
}

function pick(roles: Role[], text: string): Role {
  const wanted = text.normalize("NFC");
  const role = roles.find(({ name, role_id }) => name === wanted || role_id === wanted.toLowerCase());
  if (role !== undefined) return role;
  const names = roles.slice(0, 20).map(({ name }) => name);
  throw new AppError("not_found", `no role is called "${text}" here: there are ${names.join(", ")}`);
}
