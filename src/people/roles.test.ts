import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { asker, fails, operatorIn } from "../../test/support/people.ts";
import { localPrincipal } from "../access/principal.ts";
import type { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import {
  changeRolesOperation,
  createRoleOperation,
  deleteRoleOperation,
  listRoles,
  showMember,
  showRole,
  updateRoleOperation,
} from "./operations.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const owner = await person(context, org, "owner");
const viewer = await person(context, org, "viewer");
const foreigner = await person(context, await makeOrg(context), "owner");

const ask = asker(context);
const operator = await operatorIn(context, org);

test("roles: the system's are nobody's to change, names never meet, one that somebody has stays", async () => {
  const made = await ask(owner, createRoleOperation, { name: "Assay", permissions: ["jobs:read"] });
  assert.deepEqual([made.system, made.org_id, made.members], [false, org.org_id, 0]);
  for (const name of ["assay", "Owner", "viewer", "SERVICE"])
    await assert.rejects(
      ask(owner, createRoleOperation, { name, permissions: ["jobs:read"] }),
      fails("conflict"),
    );
  for (const name of [" x", "a,b", "a\u200bb", "viewer\u3164", "viewer\u{e0041}", "v\u00adiewer", newId()])
    await assert.rejects(
      ask(owner, createRoleOperation, { name, permissions: ["jobs:read"] }),
      fails("bad_input"),
    );
  await assert.rejects(
    ask(operator, createRoleOperation, { name: "god", permissions: ["users:manage" as "jobs:read"] }),
    fails("bad_input"),
    "the operator's permissions are in no role",
  );
  await assert.rejects(
    ask(owner, updateRoleOperation, { role: "viewer", name: "looker" }),
    fails("forbidden"),
  );
  await assert.rejects(ask(owner, deleteRoleOperation, { role: "owner" }), fails("forbidden"));
  await assert.rejects(ask(owner, updateRoleOperation, { role: "Assay", name: "admin" }), fails("conflict"));
  await assert.rejects(ask(owner, updateRoleOperation, { role: "Assay" }), fails("usage"));
  const hand = await person(context, org, "viewer");
  await ask(owner, changeRolesOperation, { user: hand.username, roles: [made.role_id] });
  const changed = await ask(owner, updateRoleOperation, {
    role: "Assay",
    name: "bench",
    permissions: ["jobs:submit"],
  });
  assert.deepEqual([changed.name, changed.permissions, changed.members], ["bench", ["jobs:submit"], 1]);
  const now = await localPrincipal(context.metadata, hand.username, org.org_id);
  assert.deepEqual([...now.permissions], ["jobs:submit"]);
  await assert.rejects(ask(owner, deleteRoleOperation, { role: "bench" }), fails("conflict", /has the role/));
  // Another organization has neither the role nor a word of it.
  await assert.rejects(
    ask(foreigner, updateRoleOperation, { role: made.role_id, name: "x" }),
    fails("not_found"),
  );
  await assert.rejects(ask(foreigner, deleteRoleOperation, { role: "bench" }), fails("not_found"));
  assert.ok((await ask(foreigner, listRoles, {})).items.every(({ system }) => system));
  await ask(owner, changeRolesOperation, { user: hand.username, roles: ["viewer"] });
  assert.equal((await ask(owner, deleteRoleOperation, { role: "bench" })).role_id, made.role_id);
});

test("who changes a role or a member's roles may say which they have read: what changed since is not overwritten", async () => {
  const seen = await ask(owner, createRoleOperation, { name: "read once", permissions: ["jobs:read"] });
  const role = seen.role_id;
  assert.deepEqual(await ask(viewer, showRole, { role: "read once" }), seen);
  const change = (if_match: string, more: { name?: string; permissions?: ("jobs:read" | "events:read")[] }) =>
    ask(owner, updateRoleOperation, { role, if_match, ...more });
  const stale = (error: AppError) => error.kind === "conflict" && error.code === "precondition_failed";
  const wider = await change(seen.updated_at, { permissions: ["jobs:read", "events:read"] });
  assert.ok(wider.updated_at > seen.updated_at, "permissions are a part of the role");
  await assert.rejects(change(seen.updated_at, { name: "other" }), stale);
  const narrower = await change(wider.updated_at, { permissions: ["jobs:read"] });
  assert.ok(narrower.updated_at > wider.updated_at, "and those that are taken");
  assert.ok((await change(narrower.updated_at, { name: "read twice" })).updated_at > narrower.updated_at);
  const { username: user } = await person(context, org, "viewer");
  const before = await ask(viewer, showMember, { user });
  const roles = (if_match: string, ...names: string[]) =>
    ask(owner, changeRolesOperation, { user, if_match, roles: names });
  const more = await roles(before.updated_at, "viewer", "read twice");
  await assert.rejects(roles(before.updated_at, "scientist"), stale);
  const fewer = await roles(more.updated_at, "viewer");
  assert.ok(before.updated_at < more.updated_at && more.updated_at < fewer.updated_at);
  assert.equal((await roles(fewer.updated_at, "viewer")).updated_at, fewer.updated_at, "nothing changed");
  await ask(owner, deleteRoleOperation, { role });
});

test("what was done to roles stands in the organization's chain", async () => {
  const rows = await context.superuser<{ action: string }>(
    "SELECT DISTINCT action FROM audit_logs WHERE org_id = $1 AND action LIKE 'role.%' ORDER BY action",
    [org.org_id],
  );
  assert.deepEqual(
    rows.map(({ action }) => action),
    ["role.create", "role.delete", "role.update"],
  );
});
