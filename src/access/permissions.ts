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
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** The operator's alone: no role of an organization holds them. */
export const OPERATOR_PERMISSIONS: readonly Permission[] = ["orgs:create", "orgs:operate"];

/** Roles that also see private rows of others. */
export const ADMIN_ROLES: readonly string[] = ["owner", "admin"];
