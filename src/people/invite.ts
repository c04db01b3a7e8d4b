import { inOrganization } from "../access/policy.ts";
import { AppError } from "../errors.ts";
import { issueToken } from "../identity/tokens-store.ts";
import { MOST } from "../limits/most.ts";
import type { Told } from "../operation.ts";
import { askerIn, refuseGrant } from "./asker.ts";
import { changePeople, type PeopleCall } from "./call.ts";
import { findRoles } from "./find.ts";
import {
  countInvitations,
  revokeInvitation,
  revokeInvitationsTo,
  selectInvitation,
} from "./invitations-store.ts";
import { type CreatedInvitation, INVITE_DAYS, type Invitation, type MemberInvite } from "./member-schema.ts";
import { emailOf } from "./names.ts";
import { selectOptionalMemberId, selectOptionalUserById } from "./users-store.ts";

/**
 * Invites an address, with one role; whoever has the token may join, once. Whether somebody has an account with that
 * address is not told. An earlier invitation of the address ends.
 * Throws AppError bad_input, not_found (no such role), forbidden (a role that gives more than the asker has),
 * conflict (a member already), quota (so many are open already).
 */
export async function inviteMember(call: PeopleCall, input: MemberInvite): Promise<CreatedInvitation> {
  const principal = inOrganization(call.principal);
  const email = emailOf(input.email);
  return changePeople(call, async (tx) => {
    const asker = await askerIn(tx, principal);
    const { org_id } = asker.org;
    const [role] = await findRoles(tx, org_id, [input.role]);
    if (role === undefined) throw new AppError("internal", "a role that was found is not there");
    refuseGrant(asker, [role]);
    const memberId = await selectOptionalMemberId(tx, org_id, email);
    const there = memberId === undefined ? undefined : await selectOptionalUserById(tx, memberId);
    if (there !== undefined)
      throw new AppError("conflict", `${there.username} has this address and is a member already`);
    await revokeInvitationsTo(tx, org_id, email);
    // The organization is locked: of two at once one is the last.
    if ((await countInvitations(tx, org_id)) >= MOST.invitations)
      throw new AppError(
        "quota",
        `${MOST.invitations} invitations to an organization are open at most: take one back, or wait until one is used`,
      );
    const { token_id, token } = await issueToken(tx, call.services.tokens, {
      kind: "invite",
      user_id: null,
      org_id,
      email,
      role_id: role.role_id,
      created_by: principal.user_id,
      ttl_seconds: (input.days ?? INVITE_DAYS.default) * 86_400,
    });
    const invitation = await selectInvitation(tx, token_id);
    return {
      answer: { ...invitation, token },
      told: [ofInvitation(org_id, token_id, { role_id: role.role_id })],
    };
  });
}

/** Takes an open invitation back. Throws AppError not_found (another organization's, used, ended). */
export async function revokeInvite(call: PeopleCall, input: { invitation_id: string }): Promise<Invitation> {
  const principal = inOrganization(call.principal);
  return changePeople(call, async (tx) => {
    const { org } = await askerIn(tx, principal);
    const answer = await revokeInvitation(tx, org.org_id, input.invitation_id);
    if (answer === undefined) throw new AppError("not_found", "no such invitation is open");
    return { answer, told: [ofInvitation(org.org_id, answer.invitation_id)] };
  });
}

function ofInvitation(orgId: string, invitationId: string, metadata?: Told["metadata"]): Told {
  return {
    entity_type: "invitation",
    entity_id: invitationId,
    org_id: orgId,
    ...(metadata === undefined ? {} : { metadata }),
  };
}
