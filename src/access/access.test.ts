import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { readSeeds } from "../seeds/files.ts";
import { ADMIN_ROLES, OPERATOR_PERMISSIONS, PERMISSIONS, type Permission } from "./permissions.ts";
import { inOrganization, require } from "./policy.ts";
import { localPrincipal } from "./principal.ts";
import { insertMembership } from "./store.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const other = await makeOrg(context);
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

const roles = (await readSeeds()).roles;
const permissionsOf = (role: string): Permission[] =>
  roles.find(({ name }) => name === role)?.permissions ?? [];

for (const { name: role, permissions } of roles) {
  test(`a ${role} has the permissions of the role and no other, in their organization alone`, async () => {
    const principal = await person(context, org, role);
    assert.deepEqual([...principal.permissions].toSorted(), [...permissions].toSorted());
    assert.equal(principal.is_org_admin, ADMIN_ROLES.includes(role));
    assert.equal(principal.is_admin, false);
    for (const permission of PERMISSIONS) {
      if (permissions.includes(permission)) require(principal, permission);
      else assert.throws(() => require(principal, permission), kind("forbidden"), permission);
    }
    const name = principal.username;
    const missing = (error: unknown) =>
      kind("not_found")(error) && /no such organization/.test(String(error));
    await assert.rejects(localPrincipal(context.metadata, name, other.org_id), missing);
    await assert.rejects(
      localPrincipal(context.metadata, name, newId()),
      missing,
      "another's and a missing one look the same",
    );
    assert.deepEqual((await localPrincipal(context.metadata, name, null)).permissions, new Set());
  });
}

test("an owner may do all that is not the operator's alone, which no role may, and a viewer only reads", () => {
  const grantable = PERMISSIONS.filter((name) => !OPERATOR_PERMISSIONS.includes(name));
  assert.deepEqual(permissionsOf("owner").toSorted(), grantable.toSorted(), "a permission was forgotten");
  const all: Permission[] = roles.flatMap((role) => role.permissions);
  for (const name of OPERATOR_PERMISSIONS) assert.ok(!all.includes(name), name);
  assert.ok(permissionsOf("viewer").every((name: Permission) => name.endsWith(":read")));
});

test("the operator may do everything everywhere; somebody disabled nothing; a name is found whatever its case", async () => {
  const operator = await localPrincipal(context.metadata, "ADMIN", org.org_id);
  assert.deepEqual([...operator.permissions].toSorted(), [...PERMISSIONS].toSorted());
  assert.deepEqual([operator.is_admin, operator.is_org_admin], [true, true]);
  const somebody = await person(context, org, "scientist");
  await context.superuser("UPDATE users SET enabled = false WHERE user_id = $1", [somebody.user_id]);
  await assert.rejects(localPrincipal(context.metadata, somebody.username, org.org_id), kind("forbidden"));
  await assert.rejects(localPrincipal(context.metadata, "nobody at all", null), kind("not_found"));
});

test("two roles add up, and a membership without a role may do nothing", async () => {
  const both = await person(context, org, "viewer");
  await context.metadata.system(async (tx) => {
    await insertMembership(tx, { user_id: both.user_id, org_id: org.org_id, role: "scientist" });
    await insertMembership(tx, { user_id: both.user_id, org_id: org.org_id, role: "scientist" });
    await insertMembership(tx, { user_id: both.user_id, org_id: other.org_id, role: "no such role" });
  });
  const here = await localPrincipal(context.metadata, both.username, org.org_id);
  assert.ok(here.permissions.has("jobs:submit"));
  const there = await localPrincipal(context.metadata, both.username, other.org_id);
  assert.deepEqual(there.permissions, new Set());
});

test("what needs an organization says so where none is named", async () => {
  const operator = await localPrincipal(context.metadata, "admin", null);
  assert.throws(
    () => inOrganization(operator),
    (error) => kind("usage")(error) && /`auth\.switch`/.test(String(error)),
  );
});
