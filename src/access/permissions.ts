/** Every permission there is: noun:verb. Seeds, operations and roles name only these. */
export const PERMISSIONS = [
  "orgs:read",
  "orgs:create",
  "orgs:manage",
  "molecules:read",
  "molecules:write",
  "structures:read",
  "structures:write",
  "sites:read",
  "sites:write",
  "jobs:read",
  "jobs:submit",
  "jobs:manage",
  "calculations:read",
  "docking:read",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

const READ = PERMISSIONS.filter((name) => name.endsWith(":read"));
const WORK: Permission[] = [
  ...READ,
  "molecules:write",
  "structures:write",
  "sites:write",
  "jobs:submit",
  "jobs:manage",
];

/** System roles and what each may do in its organization. Creating organizations is an operator's. */
export const SYSTEM_ROLES: Record<string, readonly Permission[]> = {
  owner: [...WORK, "orgs:manage"],
  admin: [...WORK, "orgs:manage"],
  scientist: WORK,
  viewer: READ,
  service: WORK,
};

/** Roles that also see private rows of others. */
export const ADMIN_ROLES: readonly string[] = ["owner", "admin"];
