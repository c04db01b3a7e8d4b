/** Every permission there is: noun:verb. Operations name only these; which role holds which is in `seeds/roles.json`. */
export const PERMISSIONS = [
  "orgs:read",
  "orgs:create",
  "orgs:manage",
  "orgs:delete",
  "orgs:operate",
  "molecules:read",
  "molecules:write",
  "structures:read",
  "structures:write",
  "sites:read",
  "sites:write",
  "pipelines:read",
  "pipelines:write",
  "pipelines:share",
  "jobs:read",
  "jobs:submit",
  "jobs:manage",
  "calculations:read",
  "docking:read",
  "cache:read",
  "cache:manage",
  "protocols:read",
  "events:read",
  "members:read",
  "members:manage",
  "keys:manage",
  "audit:read",
  "users:manage",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/**
 * What an operation may ask of its asker instead of a permission, because no organization grants it: nothing
 * (signing in), to be somebody, or to be that person in person and no key that acts for them.
 */
export const CIRCUMSTANCES = ["anyone", "signed_in", "in_person"] as const;
export type Access = Permission | (typeof CIRCUMSTANCES)[number];

/** The operator's alone: no role of an organization holds them. */
export const OPERATOR_PERMISSIONS: readonly Permission[] = ["orgs:create", "orgs:operate", "users:manage"];

/** No key has these, whatever its scopes: a person with them can become anybody, the operator too. */
export const IN_PERSON_PERMISSIONS: readonly Permission[] = ["users:manage"];

/** Roles that also see private rows of others. */
export const ADMIN_ROLES: readonly string[] = ["owner", "admin"];
