import type { Static } from "typebox";
import { inOrganization } from "../access/policy.ts";
import type { OrgPrincipal } from "../access/principal.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { askerIn, refuseGrant } from "./asker.ts";
import { changePeople, ofMember, type PeopleCall } from "./call.ts";
import { refuseOwningService } from "./create-service.ts";
import { findRoles } from "./find.ts";
import { memberOf, refuseFull } from "./member.ts";
import type { Member, MemberAdd } from "./member-schema.ts";
import { insertMember, isMember } from "./members-store.ts";
import type { User } from "./schema.ts";
import { lockUser, selectOptionalUserByText } from "./users-store.ts";

/**
 * Makes a user a member at once, without asking them. Only who may manage users knows of people outside the
 * organization; to all others a stranger and nobody look the same, and they invite.
 * Throws AppError not_found, forbidden (a role that gives more than the asker has), conflict, quota.
 */
export async function addMember(
  call: PeopleCall,
  input: Static<typeof MemberAdd>,
): Promise<Static<typeof Member>> {
  const principal = inOrganization(call.principal);
  return changePeople(call, async (tx) => {
    const user = await findAddable(tx, principal, input.user);
    const asker = await askerIn(tx, principal);
    const { org_id } = asker.org;
    const { user_id, username } = user;
    if (await isMember(tx, user_id, org_id))
      throw new AppError("conflict", `${username} is a member already: change their roles instead`);
    if (user.erased_at !== null) throw new AppError("conflict", `${username} was erased`);
    const roles = await findRoles(tx, org_id, input.roles);
    refuseGrant(asker, roles);
    if (user.kind === "service") refuseOwningService(username, roles);
    else await refuseFull(tx, asker.org);
    const role_ids = roles.map(({ role_id }) => role_id);
    await insertMember(tx, { user_id, org_id, role_ids });
    return {
      answer: await memberOf(tx, org_id, user_id),
      told: [ofMember(org_id, user_id, { role_ids })],
      forget: [user_id],
    };
  });
}

/** A user whom the asker may know of, under lock. */
async function findAddable(tx: MetadataTx, principal: OrgPrincipal, input: string): Promise<User> {
  // Whoever was invited to an address may have typed any: nobody proved that it is theirs.
  if (input.includes("@") && principal.permissions.has("users:manage"))
    throw new AppError(
      "usage",
      "name a user whom you add by username or id: an address is not proof of who it is",
    );
  const found = await selectOptionalUserByText(tx, input);
  const known =
    found !== undefined &&
    (principal.permissions.has("users:manage") || (await isMember(tx, found.user_id, principal.org_id)));
  const user = known ? await lockUser(tx, found.user_id) : undefined;
  if (user !== undefined) return user;
  throw new AppError(
    "not_found",
    `no user whom you may add is called "${input}": invite their address instead`,
  );
}
