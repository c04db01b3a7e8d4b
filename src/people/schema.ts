import { type Static, Type } from "typebox";
import {
  about,
  CREATED_AT,
  closed,
  count,
  flag,
  id,
  list,
  nullable,
  text,
  time,
  UPDATED_AT,
  word,
} from "../fields.ts";
import { NewPassword } from "../identity/schema.ts";
import { PageInput } from "../paging.ts";

/** People sign in; services act through their keys alone. Words as the table's CHECK has them. */
export const USER_KINDS = ["person", "service"] as const;
export type UserKind = (typeof USER_KINDS)[number];

/** The asker, where a user is asked for; nobody can be called so. */
export const MYSELF = "me";

export const USERNAME_LONGEST = 100;
export const Username = Type.String({
  minLength: 1,
  maxLength: USERNAME_LONGEST,
  description: "Name to sign in with: letters (a to z), digits and . _ -; unique whatever the case.",
  examples: ["ann"],
});
export const Email = Type.String({
  minLength: 3,
  maxLength: 320,
  description: "Address; unique whatever the case.",
  examples: ["ann@example.org"],
});

/** A user as people name one. */
export const UserText = Type.String({
  minLength: 1,
  maxLength: 320,
  description: "A user by username, e-mail or id.",
  examples: ["ann"],
});

export const User = Type.Object({
  user_id: id("The user."),
  username: Username,
  email: nullable(Email, "Address; null of a service account."),
  email_confirmed: flag(
    "True: the operator said whose address it is, and one signs in with it. False: who invited them typed it.",
  ),
  kind: word(USER_KINDS, "person: signs in with a password. service: acts through API keys alone."),
  enabled: flag("False: may do nothing, and every session and key is refused."),
  is_admin: flag("True: operates the installation, and may do everything in every organization."),
  has_password: flag("True where a password is set; services and people who never chose one have none."),
  last_login_at: nullable(time("A moment."), "When they last signed in; null: never, or erased."),
  erased_at: nullable(time("A moment."), "When their identity was erased; null: it was not."),
  created_at: CREATED_AT,
  updated_at: UPDATED_AT,
});
export type User = Static<typeof User>;

const OrgId = id("The organization.");

/** What a user is in one organization. */
export const Belonging = Type.Object({
  org_id: OrgId,
  slug: text("Its slug."),
  name: text("Its name."),
  roles: list(text("A role's name."), "Roles there."),
});

export const ShownUser = Type.Object({
  ...User.properties,
  organizations: list(Belonging, "Organizations that they are a member of, oldest first."),
});
export type ShownUser = Static<typeof ShownUser>;

/** What is said of a password that a new account begins with. */
export const FIRST_PASSWORD = "A first password: any characters, 12 at least; it is kept as a hash alone.";

export const UserCreate = closed({
  username: Username,
  email: Email,
  password: Type.Optional(about(NewPassword, FIRST_PASSWORD)),
  operator: Type.Optional(flag("True: operates the installation. False where left out.")),
});
export type UserCreate = Static<typeof UserCreate>;

/** A token that is shown once; a repeated request gets null, because only its hash is kept. */
const shownOnce = (what: string) =>
  nullable(text("A token."), `${what} Shown in the first answer alone: it is kept as a hash.`);

export const CreatedUser = Type.Object({
  ...User.properties,
  reset_token: shownOnce("Where no password was given: with this they choose one (auth.reset)."),
  reset_expires_at: nullable(time("A moment."), "When that token ends; null where there is none."),
});
export type CreatedUser = Static<typeof CreatedUser>;

export const UserNamed = closed({ user: UserText });
export type UserNamed = Static<typeof UserNamed>;

export const UserList = closed({
  ...PageInput.properties,
  kind: Type.Optional(word(USER_KINDS, "Only these.")),
  enabled: Type.Optional(flag("True: only who is enabled; false: only who is not.")),
  erased: Type.Optional(flag("True: only those who were erased; else they are left out.")),
});
export type UserList = Static<typeof UserList>;

const changed = flag("False where it stood so before.");

export const ChangedUser = Type.Object({ ...User.properties, changed });
export type ChangedUser = Static<typeof ChangedUser>;

export const ResetUser = Type.Object({
  user_id: id("The user."),
  username: Username,
  reset_token: shownOnce("With this they choose a new password (auth.reset); the old one holds until then."),
  reset_expires_at: time("When the token ends."),
});
export type ResetUser = Static<typeof ResetUser>;

export const ErasedUser = Type.Object({
  user_id: id("The user: the id stays, in rows that they own and in the audit log."),
  username: text("What stands now where their name stood."),
  erased_at: time("When it was done."),
  memberships: count("Organizations that they were a member of."),
  keys: count("API keys that were revoked."),
  changed,
});
export type ErasedUser = Static<typeof ErasedUser>;

export const ServiceCreate = closed({
  username: Username,
  roles: Type.Optional(
    list(text("A role's name or id.", { minLength: 1, maxLength: 100 }), "Roles; `service` where left out.", {
      minItems: 1,
      maxItems: 20,
    }),
  ),
});
export type ServiceCreate = Static<typeof ServiceCreate>;
