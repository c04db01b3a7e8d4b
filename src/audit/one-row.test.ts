import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Static, TSchema } from "typebox";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { principalOf } from "../access/authenticate.ts";
import { localPrincipal, NOBODY, type Principal } from "../access/principal.ts";
import { OPERATIONS } from "../features.ts";
import * as identity from "../identity/operations.ts";
import type { Operation } from "../operation.ts";
import * as orgs from "../orgs/operations.ts";
import * as people from "../people/operations.ts";
import { perform } from "../perform.ts";
import { ENTITY_TYPES } from "./vocabulary.ts";

// Operations that perform audits have one row each by its construction; those that place it themselves are asked here.

const context = await openTestContext({ after });
const org = await makeOrg(context);
const owner = await person(context, org, "owner");
const operator = context.admin_principal;
const nobody: Principal = { ...NOBODY, address: "192.0.2.7" };

const PASSWORD = "marker-of-a-first-password";
const OTHER = "marker-of-another-password";
const EMAIL = "marker-address@example.org";
const USERNAME = "marker-name";

/** Texts that must not be in the log: what was given, and the secrets of the answers. */
const secrets = new Set([PASSWORD, OTHER, EMAIL, USERNAME, "marker-other", "marker-robot", "marker-third"]);
const done = new Set<string>();

const SECRET_FIELDS = ["token", "access_token", "refresh_token", "reset_token", "key"];

type Row = { action: string; entity_type: string; entity_id: string | null; text: string };

async function log(): Promise<Row[]> {
  return context.superuser<Row>(
    "SELECT action, entity_type, entity_id, to_jsonb(a)::text AS text FROM audit_logs a ORDER BY created_at, seq",
  );
}

/** Rows that the requests before left. */
let known = (await log()).length;

/** Asks as one request, which must be one row of the log, and none where it only looks like a change. */
async function ask<I extends TSchema, O extends TSchema, P>(
  operation: Operation<I, O, P>,
  who: Principal,
  input: Static<I>,
  rows = 1,
): Promise<Static<O>> {
  const answer = await perform(context, operation, who, input);
  for (const name of SECRET_FIELDS) {
    const value = (answer as { [name: string]: unknown })[name];
    if (typeof value === "string") secrets.add(value);
  }
  const now = await log();
  const told = now.slice(known);
  known = now.length;
  assert.deepEqual(
    told.map(({ action }) => action),
    Array<string>(rows).fill(operation.name),
  );
  done.add(operation.name);
  return answer;
}

test("each request that changes something is one row of the log, without names, addresses and secrets", async () => {
  const named = { org: "Marker Lab" };
  await ask(orgs.createOrgOperation, operator, { name: named.org });
  await ask(orgs.configureOrgOperation, operator, { ...named, set: { members: 9 } });
  await ask(orgs.suspendOrgOperation, operator, named);
  await ask(orgs.resumeOrgOperation, operator, named);
  await ask(orgs.rotateCredentialsOperation, operator, named);
  await ask(orgs.deleteOrgOperation, operator, named);

  const ann = await ask(people.createUserOperation, operator, { username: USERNAME, email: EMAIL });
  const user = ann.user_id;
  await ask(people.resetUserOperation, operator, { user });
  const { reset_token } = await ask(people.resetUserOperation, operator, { user });
  await ask(identity.resetPasswordOperation, nobody, { token: reset_token ?? "", new_password: PASSWORD });
  await ask(people.disableUserOperation, operator, { user });
  await ask(people.disableUserOperation, operator, { user }, 0);
  await ask(people.enableUserOperation, operator, { user });

  const role = await ask(people.createRoleOperation, owner, { name: "assay", permissions: ["jobs:read"] });
  await ask(people.updateRoleOperation, owner, { role: role.role_id, permissions: ["molecules:read"] });
  const operatorHere = await localPrincipal(context.metadata, "admin", org.org_id);
  await ask(people.addMemberOperation, operatorHere, { user, roles: ["viewer"] });
  await ask(people.changeRolesOperation, owner, { user, roles: ["scientist", "assay"] });
  const robot = await ask(people.createServiceOperation, owner, { username: "marker-robot" });
  const invite = { email: "marker-third@example.org", role: "viewer" };
  const first = await ask(people.inviteMemberOperation, owner, invite);
  await ask(people.revokeInvitationOperation, owner, { invitation_id: first.invitation_id });
  const { token } = await ask(people.inviteMemberOperation, owner, invite);
  const joining = { token: token ?? "", username: "marker-third", password: PASSWORD };
  await ask(people.acceptInvitationOperation, nobody, joining);

  const signIn = { username: USERNAME, password: PASSWORD, org: org.org_id };
  const session = await ask(identity.login, nobody, signIn);
  const asAnn = ({ access_token }: { access_token: string }) =>
    principalOf(context, {
      authorization: `Bearer ${access_token}`,
      address: "192.0.2.7",
      request_id: "test",
    });
  // A session asks for this every few minutes, and the chain is kept for good.
  const next = await ask(identity.refreshSession, nobody, { refresh_token: session.refresh_token }, 0);
  const switched = await ask(identity.switchOrganization, await asAnn(next), { org: org.slug });
  const here = await asAnn(switched);
  await ask(identity.changePasswordOperation, here, { password: PASSWORD, new_password: OTHER });
  const key = await ask(identity.createKeyOperation, here, { name: "marker-other", scopes: ["jobs:read"] });
  await ask(identity.revokeKeyOperation, here, { key_id: key.key_id });
  await ask(people.exportUserOperation, here, { user: "me" });
  await ask(identity.logoutSession, here, {});

  await ask(people.removeMemberOperation, owner, { user: robot.user_id });
  await ask(people.removeMemberOperation, owner, { user });
  await ask(people.deleteRoleOperation, owner, { role: "assay" });
  await ask(people.eraseUserOperation, operator, { user });

  const rows = await log();
  for (const { entity_type } of rows) assert.ok(ENTITY_TYPES.includes(entity_type), entity_type);
  for (const secret of secrets)
    for (const { action, text } of rows) assert.ok(!text.includes(secret), `${action} tells ${secret}`);
  assert.ok(secrets.size > 10, "answers had no secrets");
});

/** Asked where there is something to export. */
const ELSEWHERE = ["docking.export"];

test("every operation that places its row itself was asked", () => {
  const own = (OPERATIONS as unknown as Operation[]).filter(
    ({ tx, told }) => tx === "own" && told !== undefined,
  );
  assert.deepEqual(own.map(({ name }) => name).toSorted(), [...done, ...ELSEWHERE].toSorted());
});
