import { inOrganization } from "../access/policy.ts";
import { pageOfItems } from "../fields.ts";
import { operation } from "../operation.ts";
import { PageInput, pageOf, pageWish } from "../paging.ts";
import { acceptInvitation } from "./accept.ts";
import { addMember } from "./add-member.ts";
import { changeRoles } from "./change-roles.ts";
import { findMember } from "./find.ts";
import { selectInvitations } from "./invitations-store.ts";
import { inviteMember, revokeInvite } from "./invite.ts";
import {
  AcceptedInvitation,
  CreatedInvitation,
  Invitation,
  InvitationNamed,
  Member,
  MemberAccept,
  MemberAdd,
  MemberInvite,
  MemberList,
  MemberNamed,
  MemberRoles,
  RemovedMember,
} from "./member-schema.ts";
import { selectMembers } from "./members-store.ts";
import { removeMember } from "./remove-member.ts";

export const listMembers = operation({
  name: "member.list",
  summary: "People and services of your organization, with their roles",
  permission: "members:read",
  http: { method: "GET", path: "/members" },
  tx: "metadata",
  input: MemberList,
  output: pageOfItems(Member, "Members, the newest accounts first."),
  async run({ tx, principal }, { role, kind, ...page }) {
    const { org_id } = inOrganization(principal);
    const wish = pageWish(page);
    const rows = await selectMembers(tx, org_id, {
      ...wish,
      ...(role === undefined ? {} : { role }),
      ...(kind === undefined ? {} : { kind }),
      whole: principal.permissions.has("members:manage"),
    });
    return pageOf(wish, rows, (row) => ({ at: row.joined_at, id: row.user_id }));
  },
});

export const showMember = operation({
  name: "member.show",
  summary: "One member of your organization, with their roles",
  permission: "members:read",
  http: { method: "GET", path: "/members/{user}" },
  tx: "metadata",
  input: MemberNamed,
  output: Member,
  run: ({ tx, principal }, { user }) => findMember(tx, inOrganization(principal), user),
});

export const addMemberOperation = operation({
  name: "member.add",
  summary: "Make a user a member at once; who does not manage users invites people instead",
  permission: "members:manage",
  http: { method: "POST", path: "/members" },
  tx: "own",
  input: MemberAdd,
  output: Member,
  told: true,
  run: addMember,
});

export const changeRolesOperation = operation({
  name: "member.roles",
  summary: "Give a member these roles and no other",
  permission: "members:manage",
  http: { method: "PATCH", path: "/members/{user}" },
  tx: "own",
  input: MemberRoles,
  output: Member,
  told: true,
  run: changeRoles,
});

export const removeMemberOperation = operation({
  name: "member.remove",
  summary: "End a membership, with its keys and open invitations; what they own here stays",
  permission: "members:manage",
  http: { method: "DELETE", path: "/members/{user}" },
  tx: "own",
  input: MemberNamed,
  output: RemovedMember,
  told: true,
  run: removeMember,
});

export const inviteMemberOperation = operation({
  name: "member.invite",
  summary: "Invite an address, with one role: the token is for you to send, nothing is mailed",
  permission: "members:manage",
  http: { method: "POST", path: "/invitations" },
  tx: "own",
  input: MemberInvite,
  output: CreatedInvitation,
  told: true,
  remember: (answer) => ({ ...answer, token: null }),
  run: inviteMember,
});

export const acceptInvitationOperation = operation({
  name: "member.accept",
  summary: "Join an organization by an invitation, as whoever is signed in, else with a new account",
  permission: "anyone",
  http: { method: "POST", path: "/invitations/accept" },
  tx: "own",
  repeats: false,
  input: MemberAccept,
  output: AcceptedInvitation,
  told: true,
  run: acceptInvitation,
});

export const listInvitations = operation({
  name: "invitation.list",
  summary: "Invitations to your organization that can still be accepted, newest first",
  permission: "members:manage",
  http: { method: "GET", path: "/invitations" },
  tx: "own",
  input: PageInput,
  output: pageOfItems(Invitation, "Open invitations."),
  async run({ services, principal }, page) {
    const { org_id } = inOrganization(principal);
    const wish = pageWish(page);
    const rows = await services.metadata.system((tx) => selectInvitations(tx, org_id, wish));
    return pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.invitation_id }));
  },
});

export const revokeInvitationOperation = operation({
  name: "invitation.revoke",
  summary: "Take an open invitation back",
  permission: "members:manage",
  http: { method: "DELETE", path: "/invitations/{invitation_id}" },
  tx: "own",
  input: InvitationNamed,
  output: Invitation,
  told: true,
  run: revokeInvite,
});
