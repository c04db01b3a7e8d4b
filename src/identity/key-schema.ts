import { type Static, Type } from "typebox";
import { PERMISSIONS } from "../access/permissions.ts";
import { CREATED_AT, closed, flag, id, integer, list, nullable, text, word, words } from "../fields.ts";
import { PageInput } from "../paging.ts";

const Scope = word([...PERMISSIONS], "A permission, noun:verb.");
const KeyName = words("What its owner calls it.", {
  minLength: 1,
  maxLength: 200,
  examples: ["nightly import"],
});

export const KeyCreate = closed({
  name: KeyName,
  scopes: Type.Optional(
    Type.Array(Scope, {
      minItems: 1,
      maxItems: PERMISSIONS.length,
      examples: [["molecules:write", "jobs:submit", "jobs:read"]],
      description:
        "Permissions that the key is limited to; of these it has what its owner has. With scopes it sees of private rows only its owner's, also where that is an admin. Absent: all that its owner may.",
    }),
  ),
  expires_at: Type.Optional(
    Type.String({
      format: "date-time",
      maxLength: 40,
      description: "When it ends; absent: never. Not together with days.",
    }),
  ),
  days: Type.Optional(integer("d", "In how many days it ends.", { minimum: 1, maximum: 3650 })),
  user_id: Type.Optional(
    id("A service account of the organization that the key is for; absent: oneself. Needs keys:manage."),
  ),
});
export type KeyCreate = Static<typeof KeyCreate>;

const keyFields = {
  key_id: id("The key's row; not the key."),
  prefix: text("The part of the key between its first two _, which may be shown."),
  name: KeyName,
  user_id: id("Person or service account that it acts for."),
  username: nullable(Type.String(), "What they are called; null of an operator who is no member."),
  org_id: id("Organization that it acts in."),
  scopes: nullable(Type.Array(Type.String()), "Permissions it is limited to; null: those of its owner."),
  is_active: flag("False: it was revoked."),
  last_used_at: nullable(Type.String({ format: "date-time" }), "When it was last used, to the minute."),
  expires_at: nullable(Type.String({ format: "date-time" }), "When it ends; null: never."),
  created_by: nullable(Type.String(), "Who made it."),
  created_at: CREATED_AT,
};

export const ApiKey = Type.Object(keyFields);
export type ApiKey = Static<typeof ApiKey>;

export const MadeKey = Type.Object({
  ...keyFields,
  key: nullable(
    Type.String(),
    "The key itself, this once; null where a repeated request is answered: make another key then.",
  ),
});
export type MadeKey = Static<typeof MadeKey>;

export const KeyList = closed({
  ...PageInput.properties,
  user_id: Type.Optional(id("Only of this person or service account.")),
  active: Type.Optional(flag("True: only those that may be used; false: only the others.")),
});
export type KeyList = Static<typeof KeyList>;
export const KeyPage = Type.Object({
  items: list(ApiKey, "Keys, newest first."),
  next_cursor: nullable(Type.String(), "Where the next page begins; null: this was the last."),
});

export const KeyNamed = closed({ key_id: id("The key's row, as key.list shows it.") });
