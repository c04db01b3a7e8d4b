import { inOrganization } from "../access/policy.ts";
import { revokeKeysOf } from "../identity/keys-store.ts";
import { askerIn, isOwnerRole, refuseManage } from "./asker.ts";
import { changePeople, ofMember, type PeopleCall } from "./call.ts";
import { lockMember } from "./find.ts";
import { revokeInvitationsOf } from "./invitations-store.ts";
import type { RemovedMember } from "./member-schema.ts";
import { countServiceKeys, deleteMember } from "./members-store.ts";
import { refuseLastOwner } from "./owners.ts";

/**
 * Ends a membership, with the keys for this organization and the invitations that came from it. What they own here
 * stays, and so do keys of services that they made: programs use them. Throws AppError not_found, forbidden (an owner,
 * by who is none), conflict (the last owner).
 */
export async function removeMember(call: PeopleCall, input: { user: string }): Promise<RemovedMember> {
  const principal = inOrganization(call.principal);
  const { org_id } = principal;
  return changePeople(call, async (tx) => {
    const { asker, user, held } = await lockMember(tx, input.user, org_id, () => askerIn(tx, principal));
    const { user_id, username } = user;
    refuseManage(asker, held);
    if (held.some(isOwnerRole)) await refuseLastOwner(tx, user, [asker.org]);
    const keys = await revokeKeysOf(tx, user_id, org_id);
    const invitations = await revokeInvitationsOf(tx, user_id, org_id);
    const service_keys = await countServiceKeys(tx, user_id, org_id);
    await deleteMember(tx, user_id, org_id);
    return {
      answer: { user_id, username, keys, invitations, service_keys },
      told: [ofMember(org_id, user_id, { keys, invitations })],
      forget: [user_id],
    };
  });
}
