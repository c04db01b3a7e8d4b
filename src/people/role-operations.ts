import { inOrganization } from "../access/policy.ts";
import { wholeList } from "../fields.ts";
import { operation } from "../operation.ts";
import { removeRole, updateRole } from "./change-role.ts";
import { createRole } from "./create-role.ts";
import { findRole } from "./find.ts";
import { DeletedRole, Role, RoleCreate, RoleList, RoleNamed, RoleUpdate } from "./role-schema.ts";
import { selectRoles } from "./roles-store.ts";

export const listRoles = operation({
  name: "role.list",
  summary: "Roles that members of your organization may have: the system's, then its own",
  permission: "members:read",
  http: { method: "GET", path: "/roles" },
  tx: "metadata",
  input: RoleList,
  output: wholeList(Role, "Roles by name."),
  async run({ tx, principal }) {
    return { items: await selectRoles(tx, inOrganization(principal).org_id), next_cursor: null };
  },
});

export const showRole = operation({
  name: "role.show",
  summary: "One role of your organization, or of the system",
  permission: "members:read",
  http: { method: "GET", path: "/roles/{role}" },
  tx: "metadata",
  input: RoleNamed,
  output: Role,
  run: ({ tx, principal }, { role }) => findRole(tx, inOrganization(principal).org_id, role),
});

export const createRoleOperation = operation({
  name: "role.create",
  summary: "Make a role of your organization's own, of permissions that you have yourself",
  permission: "members:manage",
  http: { method: "POST", path: "/roles" },
  tx: "own",
  input: RoleCreate,
  output: Role,
  told: true,
  run: createRole,
});

export const updateRoleOperation = operation({
  name: "role.update",
  summary: "Rename a role of your organization's own, or give it other permissions, for everybody who has it",
  permission: "members:manage",
  http: { method: "PATCH", path: "/roles/{role}" },
  tx: "own",
  input: RoleUpdate,
  output: Role,
  told: true,
  run: updateRole,
});

export const deleteRoleOperation = operation({
  name: "role.delete",
  summary: "Delete a role of your organization's own that nobody has",
  permission: "members:manage",
  http: { method: "DELETE", path: "/roles/{role}" },
  tx: "own",
  input: RoleNamed,
  output: DeletedRole,
  told: true,
  run: removeRole,
});
