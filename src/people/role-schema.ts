import { type Static, Type } from "typebox";
import { OPERATOR_PERMISSIONS, PERMISSIONS, type Permission } from "../access/permissions.ts";
import { CREATED_AT, closed, count, flag, id, list, nullable, time, word } from "../fields.ts";
import { ifMatch } from "../if-match.ts";

/** What a role of an organization may hold: everything but what is the operator's alone. */
export const GRANTABLE: readonly Permission[] = PERMISSIONS.filter(
  (name) => !OPERATOR_PERMISSIONS.includes(name),
);

const RoleName = Type.String({
  minLength: 1,
  maxLength: 100,
  description: "Unique in its organization, and none of the system's.",
  examples: ["assay"],
});
const RoleText = Type.String({ minLength: 1, maxLength: 100, description: "A role by name or id." });
const Permissions = list(
  word(GRANTABLE as Permission[], "A permission: noun:verb."),
  "What it may do; you must have each of them yourself.",
  { minItems: 1, maxItems: GRANTABLE.length, examples: [["jobs:read", "calculations:read"]] },
);

export const Role = Type.Object({
  role_id: id("The role."),
  org_id: nullable(id("An organization."), "The organization that made it; null: the system's."),
  name: RoleName,
  system: flag("True: every organization has it, and nobody changes it."),
  permissions: list(Type.String({ description: "A permission: noun:verb." }), "What it may do."),
  members: count("Members of this organization who have it."),
  created_at: CREATED_AT,
  updated_at: time("When its name or its permissions last changed."),
});
export type Role = Static<typeof Role>;

export const RoleList = closed({});
export const RoleCreate = closed({ name: RoleName, permissions: Permissions });
export type RoleCreate = Static<typeof RoleCreate>;

export const RoleUpdate = closed({
  role: RoleText,
  if_match: Type.Optional(ifMatch("the role")),
  name: Type.Optional(RoleName),
  permissions: Type.Optional(Permissions),
});
export type RoleUpdate = Static<typeof RoleUpdate>;

export const RoleNamed = closed({ role: RoleText });
export const DeletedRole = Type.Object({ role_id: id("The role that is gone."), name: RoleName });
export type DeletedRole = Static<typeof DeletedRole>;
