import { type Static, Type } from "typebox";
import { PERMISSIONS } from "../access/permissions.ts";
import { about, closed, flag, id, list, nullable, text, time, word } from "../fields.ts";

/** What a person must choose at least; no rule of letters and signs, which makes worse ones. */
export const PASSWORD_SHORTEST = 12;
export const PASSWORD_LONGEST = 1024;

/** A password that is to be checked: of any length that one may ever have had. */
const GivenPassword = text("The password.", {
  minLength: 1,
  maxLength: PASSWORD_LONGEST,
  examples: ["correct horse battery staple"],
});
export const NewPassword = text("Another password: any characters, 12 at least.", {
  minLength: PASSWORD_SHORTEST,
  maxLength: PASSWORD_LONGEST,
  examples: ["tram window seldom orange"],
});
const GivenToken = (description: string, example: string) =>
  text(description, { minLength: 1, maxLength: 2000, examples: [example] });
const OrgText = text("An organization by name, slug or id.", {
  minLength: 1,
  maxLength: 100,
  examples: ["institute-of-catalysis"],
});

const REFRESH_EXAMPLE = "alr_Jx0mD4vTgq1bY7kq0fVw3uE9cR2nS5hL8pZ6aX1tKoM";

export const SignIn = closed({
  username: text("Username or e-mail address.", { minLength: 1, maxLength: 320, examples: ["ann"] }),
  password: GivenPassword,
  org: Type.Optional(
    about(
      OrgText,
      "Where to act: an organization by name, slug or id. Where left out: that in which you acted last, else your only one, else none; `org` of the answer says which, `orgs` what else there is, and auth.switch changes it.",
    ),
  ),
});
export type SignIn = Static<typeof SignIn>;

export const SessionUser = Type.Object(
  {
    user_id: id("The person."),
    username: text("What they are called."),
  },
  { description: "Whose it is." },
);
export const SessionOrg = Type.Object({
  org_id: id("The organization."),
  slug: text("Its name in addresses."),
  name: text("Its name."),
});
export type SessionOrg = Static<typeof SessionOrg>;

const accessFields = {
  access_token: text("Goes into the Authorization header after `Bearer `; a secret."),
  token_type: Type.Literal("Bearer", { description: "Always Bearer." }),
  expires_in: Type.Integer({ unit: "s", minimum: 0, description: "How long the access token lasts." }),
  user: SessionUser,
  org: nullable(SessionOrg, "Where the token acts; null: in no organization, choose one with auth.switch."),
  orgs: list(SessionOrg, "Organizations that one may switch to, by name; the operator's first 200."),
};

export const Switched = Type.Object(accessFields);
export type Switched = Static<typeof Switched>;

export const Session = Type.Object({
  ...accessFields,
  refresh_token: text("Gives the next access token, and is replaced by another one then; a secret."),
  refresh_expires_at: time("When the session ends unless it is refreshed before."),
});
export type Session = Static<typeof Session>;

export const Refresh = closed({
  refresh_token: GivenToken("The newest refresh token of the session.", REFRESH_EXAMPLE),
});
export const Switch = closed({ org: OrgText });
export const Logout = closed({
  refresh_token: Type.Optional(
    GivenToken("Of the session that is to end, where no access token says it.", REFRESH_EXAMPLE),
  ),
  everywhere: Type.Optional(flag("True: all sessions of the person, on every machine.")),
});
export const LoggedOut = Type.Object({
  ended: Type.Integer({ unit: "1", minimum: 0, description: "How many sessions ended." }),
});

export const ChangePassword = closed({
  password: GivenPassword,
  new_password: NewPassword,
  revoke_keys: Type.Optional(
    flag("True: one's API keys are revoked too, everywhere; else they go on, as programs use them."),
  ),
});
export const Reset = closed({
  token: GivenToken(
    "The token that the operator gave; it works once.",
    "alp_S0MP13yI8iEsJ7JLjcysG4UUHIr9mOO-e4-zed2zYZE",
  ),
  new_password: NewPassword,
  keep_keys: Type.Optional(
    flag(
      "True: one's API keys go on; else they are revoked, as whoever knew the password may have made some.",
    ),
  ),
});
export type ChangePassword = Static<typeof ChangePassword>;
export type Reset = Static<typeof Reset>;

export const PasswordChanged = Type.Object({
  user: SessionUser,
  ended: Type.Integer({ unit: "1", minimum: 0, description: "How many (other) sessions ended by it." }),
  keys: Type.Integer({
    unit: "1",
    minimum: 0,
    description: "How many of one's API keys were revoked by it.",
  }),
});

export const Whoami = Type.Object({
  user: Type.Object(
    {
      user_id: id("The person or service account."),
      username: text("What they are called."),
      email: nullable(Type.String(), "Their address; null of a service account."),
      kind: word(["person", "service"], "A person, or an account of programs."),
      is_admin: flag("True of who operates the installation; never true of a key."),
    },
    { description: "Who asks." },
  ),
  org: nullable(SessionOrg, "Where they act; null: in no organization."),
  orgs: list(
    SessionOrg,
    "Organizations that they may switch to (auth.switch), by name; of a key its own alone, of the operator the first 200.",
  ),
  roles: list(Type.String(), "Their roles in that organization."),
  permissions: list(word([...PERMISSIONS], "noun:verb."), "What they may do there, as it is now."),
  via: word(["local", "session", "key"], "At the operator's machine, by an access token, or by an API key."),
  expires_at: nullable(
    Type.String({ format: "date-time" }),
    "When the access token or key ends; null: never.",
  ),
});
export type Whoami = Static<typeof Whoami>;
