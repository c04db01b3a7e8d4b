import { type Static, Type } from "typebox";
import {
  about,
  CREATED_AT,
  closed,
  count,
  flag,
  id,
  integer,
  list,
  nullable,
  text,
  time,
  word,
} from "../fields.ts";
import { NewPassword } from "../identity/schema.ts";
import { ifMatch } from "../if-match.ts";
import { PageInput } from "../paging.ts";
import { Email, FIRST_PASSWORD, USER_KINDS, Username, UserText } from "./schema.ts";

const RoleText = text("A role's name or id.", { minLength: 1, maxLength: 100, examples: ["scientist"] });
const Roles = list(RoleText, "Roles by name or id; what they may do adds up.", { minItems: 1, maxItems: 20 });
const HIDDEN = "null where you may not manage members.";

export const Member = Type.Object({
  user_id: id("The member."),
  username: Username,
  kind: word(USER_KINDS, "person: signs in with a password. service: acts through API keys alone."),
  enabled: flag("False: may do nothing, here or elsewhere."),
  roles: list(text("A role's name."), "Their roles in this organization."),
  email: nullable(Email, `Address; ${HIDDEN}`),
  email_confirmed: nullable(
    flag("Whether it is theirs."),
    `True: the operator said whose address it is. False: who invited them typed it, and anybody may have it; ${HIDDEN}`,
  ),
  last_login_at: nullable(time("A moment."), `When they last signed in; ${HIDDEN}`),
  joined_at: time("When they became a member."),
  updated_at: time("When their roles last changed."),
});
export type Member = Static<typeof Member>;

export const MemberList = closed({
  ...PageInput.properties,
  role: Type.Optional(text("Only those with this role, by name.", { minLength: 1, maxLength: 100 })),
  kind: Type.Optional(word(USER_KINDS, "Only these.")),
});
export type MemberList = Static<typeof MemberList>;

export const MemberAdd = closed({ user: UserText, roles: Roles });
export const MemberRoles = closed({
  user: UserText,
  if_match: Type.Optional(ifMatch("the member's roles")),
  roles: Roles,
});
export const MemberNamed = closed({ user: UserText });

export const RemovedMember = Type.Object({
  user_id: id("Who is no member any more."),
  username: Username,
  keys: count("Their API keys for this organization, which were revoked."),
  invitations: count("Open invitations of theirs, which were revoked."),
  service_keys: count("Keys of services that they made, and so have seen, which still work: replace them."),
});
export type RemovedMember = Static<typeof RemovedMember>;

/** Days in which an invitation may be accepted. */
export const INVITE_DAYS = { default: 7, most: 90 } as const;

export const MemberInvite = closed({
  email: Email,
  role: RoleText,
  days: Type.Optional(
    integer("days", `How long it may be accepted; ${INVITE_DAYS.default} where left out.`, {
      minimum: 1,
      maximum: INVITE_DAYS.most,
    }),
  ),
});
export type MemberInvite = Static<typeof MemberInvite>;

export const Invitation = Type.Object({
  invitation_id: id("The invitation."),
  email: Email,
  role: text("Name of the role that it gives."),
  created_by: nullable(id("A user."), "Who invited."),
  created_at: CREATED_AT,
  expires_at: time("When it ends."),
});
export type Invitation = Static<typeof Invitation>;

export const CreatedInvitation = Type.Object({
  ...Invitation.properties,
  token: nullable(
    text("A token."),
    "Whoever has it may join, once. Shown in the first answer alone: it is kept as a hash.",
  ),
});
export type CreatedInvitation = Static<typeof CreatedInvitation>;

export const InvitationNamed = closed({ invitation_id: id("The invitation.") });

export const MemberAccept = closed({
  token: text("The token of the invitation.", {
    minLength: 1,
    maxLength: 200,
    examples: ["ali_9QxV2mT7cB4nK1sW8dR5yG0hJ3fL6pZaE-uYtIoPq_k"],
  }),
  username: Type.Optional(Username),
  password: Type.Optional(about(NewPassword, FIRST_PASSWORD)),
});
export type MemberAccept = Static<typeof MemberAccept>;

export const AcceptedInvitation = Type.Object({
  user_id: id("Who joined."),
  username: Username,
  org_id: id("The organization."),
  slug: text("Its slug."),
  name: text("Its name."),
  roles: list(text("A role's name."), "Their roles there."),
  created: flag("True where the account is new; false where somebody who was signed in joined."),
});
export type AcceptedInvitation = Static<typeof AcceptedInvitation>;
