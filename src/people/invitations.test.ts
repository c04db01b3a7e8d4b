import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { asker, fails, nobodysName, operatorIn, PASSWORD } from "../../test/support/people.ts";
import { localPrincipal, NOBODY } from "../access/principal.ts";
import type { AppError } from "../errors.ts";
import { configureOrgOperation } from "../orgs/operations.ts";
import {
  acceptInvitationOperation,
  addMemberOperation,
  changeRolesOperation,
  createRoleOperation,
  createServiceOperation,
  exportUserOperation,
  inviteMemberOperation,
  updateRoleOperation,
} from "./operations.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const other = await makeOrg(context);
const owner = await person(context, org, "owner");
const viewer = await person(context, org, "viewer");
const foreigner = await person(context, other, "owner");

const ask = asker(context);

test("an organization has as many people as its quota says, also of two who join at once; services are none", async () => {
  const lab = await makeOrg(context);
  const boss = await operatorIn(context, lab);
  await ask(boss, configureOrgOperation, { org: lab.slug, set: { members: 2 } });
  const invited = await Promise.all(
    ["a", "b"].map((name) =>
      ask(boss, inviteMemberOperation, { email: `${name}-${nobodysName()}@example.org`, role: "viewer" }),
    ),
  );
  const ends = await Promise.allSettled(
    invited.map(({ token }) =>
      ask(NOBODY, acceptInvitationOperation, {
        token: token ?? "",
        username: nobodysName(),
        password: PASSWORD,
      }),
    ),
  );
  const refused = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as AppError] : []));
  assert.deepEqual(
    refused.map(({ kind }) => kind),
    ["quota"],
  );
  await assert.rejects(
    ask(boss, addMemberOperation, { user: viewer.username, roles: ["viewer"] }),
    fails("quota", /may have 2/),
  );
  await ask(boss, createServiceOperation, { username: nobodysName() });
});

test("an address that somebody typed makes nobody a member elsewhere, and tells them nothing of invitations to it", async () => {
  const email = `${nobodysName()}@example.org`;
  const { token } = await ask(owner, inviteMemberOperation, { email, role: "viewer" });
  await ask(foreigner, inviteMemberOperation, { email, role: "admin" });
  const username = nobodysName();
  // Whoever invites has the token, and may accept it as anybody.
  const { user_id } = await ask(NOBODY, acceptInvitationOperation, {
    token: token ?? "",
    username,
    password: PASSWORD,
  });
  const there = await operatorIn(context, other);
  await assert.rejects(
    ask(there, addMemberOperation, { user: email, roles: ["admin"] }),
    fails("usage", /by username or id/),
  );
  const held = JSON.stringify(await ask({ ...owner, user_id }, exportUserOperation, { user: "me" }));
  assert.ok(held.includes(org.org_id) && !held.includes(other.org_id));
  await ask(there, addMemberOperation, { user: username, roles: ["viewer"] });
});

test("what a role loses, invitations that its holders sent lose too", async () => {
  const name = nobodysName();
  await ask(owner, createRoleOperation, { name, permissions: ["members:manage", "members:read"] });
  const { username } = await person(context, org, "viewer");
  await ask(owner, changeRolesOperation, { user: username, roles: [name] });
  const manager = { ...(await localPrincipal(context.metadata, username, org.org_id)), org_id: org.org_id };
  const email = `${nobodysName()}@example.org`;
  const { token } = await ask(manager, inviteMemberOperation, { email, role: name });
  await ask(owner, updateRoleOperation, { role: name, permissions: ["members:read"] });
  const late = { token: token ?? "", username: nobodysName(), password: PASSWORD };
  await assert.rejects(ask(NOBODY, acceptInvitationOperation, late), fails("not_found"));
});
