import type { Static } from "typebox";
import { inOrganization } from "../access/policy.ts";
import { refuseChanged } from "../if-match.ts";
import { askerIn, isOwnerRole, refuseGrant, refuseManage } from "./asker.ts";
import { changePeople, ofMember, type PeopleCall } from "./call.ts";
import { refuseOwningService } from "./create-service.ts";
import { findRoles, lockMember } from "./find.ts";
import { revokeInvitationsOf } from "./invitations-store.ts";
import { memberOf } from "./member.ts";
import type { Member, MemberRoles } from "./member-schema.ts";
import { deleteRoles, type HeldRole, insertRoles } from "./members-store.ts";
import { refuseLastOwner } from "./owners.ts";

/**
 * Gives a member these roles and no other. Where one is taken, invitations of theirs that are open are taken back.
 * Throws AppError not_found, forbidden (a role that gives more than the asker has; an owner, by who is none),
 * conflict (the last owner; with code precondition_failed: other roles than when `if_match` was read).
 */
export async function changeRoles(
  call: PeopleCall,
  input: Static<typeof MemberRoles>,
): Promise<Static<typeof Member>> {
  const principal = inOrganization(call.principal);
  const { org_id } = principal;
  return changePeople(call, async (tx) => {
    const { asker, user, held } = await lockMember(tx, input.user, org_id, () => askerIn(tx, principal));
    const wanted = await findRoles(tx, org_id, input.roles);
    const [given, taken] = [without(wanted, held), without(held, wanted)];
    const { user_id, username } = user;
    refuseChanged(await memberOf(tx, org_id, user_id), input.if_match, "the member's roles");
    if (given.length + taken.length > 0) {
      refuseManage(asker, held);
      refuseGrant(asker, given);
      if (user.kind === "service") refuseOwningService(username, given);
      if (taken.some(isOwnerRole)) await refuseLastOwner(tx, user, [asker.org]);
      const member = { user_id, org_id };
      await deleteRoles(tx, member, ids(taken));
      await insertRoles(tx, member, ids(given));
      if (taken.length > 0) await revokeInvitationsOf(tx, user_id, org_id);
    }
    return {
      answer: await memberOf(tx, org_id, user_id),
      told: [ofMember(org_id, user_id, { given: ids(given), taken: ids(taken) })],
      forget: [user_id],
    };
  });
}

function without(roles: HeldRole[], others: HeldRole[]): HeldRole[] {
  return roles.filter(({ role_id }) => !others.some((other) => other.role_id === role_id));
}

function ids(roles: HeldRole[]): string[] {
  return roles.map(({ role_id }) => role_id);
}
