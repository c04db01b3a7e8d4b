import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { asker, fails, nobodysName, operatorIn, PASSWORD } from "../../test/support/people.ts";
import { localPrincipal, NOBODY } from "../access/principal.ts";
import type { AppError } from "../errors.ts";
import { selectOptionalPerson } from "../identity/people-store.ts";
import { MOST } from "../limits/most.ts";
import { configureOrgOperation } from "../orgs/operations.ts";
import {
  acceptInvitationOperation,
  addMemberOperation,
  changeRolesOperation,
  createRoleOperation,
  createServiceOperation,
  createUserOperation,
  deleteRoleOperation,
  eraseUserOperation,
  exportUserOperation,
  inviteMemberOperation,
  listMembers,
  removeMemberOperation,
  showMember,
  showUserOperation,
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

test("services, roles and open invitations of an organization have a number that they do not go beyond", async () => {
  const lab = await makeOrg(context);
  const boss = await person(context, lab, "owner");
  const fill = (text: string, most: number) => context.superuser(text, [lab.org_id, most - 1]);
  await fill(
    `WITH made AS (INSERT INTO users (username, email, kind) SELECT 'full-' || $1 || n, 'full-' || $1 || n || '@invalid', 'service'
      FROM generate_series(1, $2::integer) AS n RETURNING user_id)
     INSERT INTO memberships (user_id, org_id) SELECT user_id, $1::uuid FROM made`,
    MOST.services,
  );
  await fill(
    "INSERT INTO roles (org_id, name) SELECT $1, 'full-' || n FROM generate_series(1, $2::integer) AS n",
    MOST.roles,
  );
  await fill(
    `INSERT INTO tokens (kind, org_id, email, role_id, token_hash, expires_at)
     SELECT 'invite', $1::uuid, n || '@example.org', (SELECT role_id FROM roles WHERE name = 'viewer' AND org_id IS NULL),
       encode(sha256(($1 || n::text)::bytea), 'hex'), now() + interval '1 day' FROM generate_series(1, $2::integer) AS n`,
    MOST.invitations,
  );
  const makes: (() => Promise<unknown>)[] = [
    () => ask(boss, createServiceOperation, { username: nobodysName() }),
    () => ask(boss, createRoleOperation, { name: nobodysName(), permissions: ["jobs:read"] }),
    () => ask(boss, inviteMemberOperation, { email: `${nobodysName()}@example.org`, role: "viewer" }),
  ];
  for (const make of makes) {
    const ends = await Promise.allSettled([make(), make()]);
    const refused = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as AppError] : []));
    assert.deepEqual(
      refused.map(({ kind }) => kind),
      ["quota"],
    );
    assert.match(refused[0]?.message ?? "", /at most/);
  }
  // Another one for an address that has one takes its place.
  await ask(boss, inviteMemberOperation, { email: "1@example.org", role: "viewer" });
});

test("an organization makes so many accounts a day by its invitations, whoever it removes again", async () => {
  const lab = await makeOrg(context);
  const boss = await person(context, lab, "owner");
  await context.superuser(
    `INSERT INTO tokens (kind, org_id, email, role_id, token_hash, expires_at, used_at)
     SELECT 'invite', $1::uuid, n || '@example.org', (SELECT role_id FROM roles WHERE name = 'viewer' AND org_id IS NULL),
       encode(sha256(($1 || n::text)::bytea), 'hex'), now() + interval '1 day', now() - interval '23 hours'
     FROM generate_series(1, $2::integer) AS n`,
    [lab.org_id, MOST.accepted - 1],
  );
  const join = async (role = "viewer") => {
    const email = `${nobodysName()}@example.org`;
    const { token } = await ask(boss, inviteMemberOperation, { email, role });
    const username = nobodysName();
    return ask(NOBODY, acceptInvitationOperation, { token: token ?? "", username, password: PASSWORD });
  };
  const role = nobodysName();
  await ask(boss, createRoleOperation, { name: role, permissions: ["jobs:read"] });
  const { user_id } = await join(role);
  await ask(boss, removeMemberOperation, { user: user_id });
  await ask(boss, deleteRoleOperation, { role });
  await assert.rejects(join(), fails("quota", /24 hours/));
  await context.superuser("UPDATE tokens SET used_at = used_at - interval '2 hours' WHERE org_id = $1", [
    lab.org_id,
  ]);
  await join();
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

test("an address that nobody confirmed tells of no account, signs nobody in, and keeps nobody from theirs", async () => {
  const join = async (email: string) => {
    const { token } = await ask(owner, inviteMemberOperation, { email, role: "viewer" });
    const person = { token: token ?? "", username: nobodysName(), password: PASSWORD };
    return ask(NOBODY, acceptInvitationOperation, person);
  };
  const called = async (name: string) =>
    (await context.metadata.system((tx) => selectOptionalPerson(tx, name)))?.user_id;
  const shown = async (user: string) => ask(context.admin_principal, showUserOperation, { user });
  // Of somebody who has an account it is not told that they do, and their address still means them.
  const theirs = `${foreigner.username}@example.org`;
  const taken = await join(theirs);
  const free = await join(`${nobodysName()}@example.org`);
  assert.deepEqual(Object.keys(taken), Object.keys(free));
  assert.deepEqual([taken.created, await called(theirs)], [true, foreigner.user_id]);
  assert.deepEqual((await shown(theirs)).user_id, foreigner.user_id);
  assert.equal((await shown(taken.username)).email_confirmed, false);
  // And the other way round: whoever has it gets their account later.
  const { email } = await shown(free.username);
  assert.equal(await called(email ?? ""), undefined);
  const made = await ask(context.admin_principal, createUserOperation, {
    username: nobodysName(),
    email: email ?? "",
    password: PASSWORD,
  });
  assert.deepEqual([made.email_confirmed, await called(email ?? "")], [true, made.user_id]);
  // Within the organization it is who was invited by it.
  assert.equal(
    (await ask(owner, changeRolesOperation, { user: email ?? "", roles: ["viewer"] })).user_id,
    free.user_id,
  );
  // And whose it is where they are there too, though their account is newer.
  await ask(await operatorIn(context, org), addMemberOperation, { user: made.username, roles: ["viewer"] });
  const named = { user: email ?? "" };
  assert.equal((await ask(owner, showMember, named)).user_id, made.user_id);
  assert.equal((await ask(owner, removeMemberOperation, named)).user_id, made.user_id);
  // Another's invitation to it may be meant for them.
  const elsewhere = await ask(foreigner, inviteMemberOperation, { email: email ?? "", role: "viewer" });
  await ask(context.admin_principal, eraseUserOperation, { user: free.username });
  const left = await context.superuser<{ token_id: string }>(
    "SELECT token_id FROM tokens WHERE lower(email) = lower($1)",
    [email],
  );
  assert.deepEqual(
    left.map(({ token_id }) => token_id),
    [elsewhere.invitation_id],
    "that which they used is gone",
  );
  await ask(context.admin_principal, eraseUserOperation, { user: made.username });
  assert.deepEqual(
    await context.superuser("SELECT 1 FROM tokens WHERE lower(email) = lower($1)", [email]),
    [],
  );
});

test("of two members with one address it means whose it is confirmed to be, whatever is asked, and says which", async () => {
  const lab = await makeOrg(context);
  const boss = await person(context, lab, "owner");
  const theirs = await person(context, other, "viewer");
  const email = `${theirs.username}@example.org`;
  const { token } = await ask(boss, inviteMemberOperation, { email, role: "viewer" });
  const impostor = { token: token ?? "", username: nobodysName(), password: PASSWORD };
  const { user_id } = await ask(NOBODY, acceptInvitationOperation, impostor);
  const alone = { user: email.toUpperCase() };
  assert.equal((await ask(boss, showMember, alone)).user_id, user_id);
  await ask(await operatorIn(context, lab), addMemberOperation, { user: theirs.username, roles: ["viewer"] });
  const { items } = await ask(boss, listMembers, { role: "viewer" });
  assert.deepEqual(
    items.map((one) => [one.user_id, one.email, one.email_confirmed]),
    [
      [user_id, email, false],
      [theirs.user_id, email, true],
    ],
  );
  const colleague = await ask({ ...theirs, org_id: lab.org_id }, showMember, { user: impostor.username });
  assert.deepEqual([colleague.email, colleague.email_confirmed], [null, null]);
  assert.equal((await ask(boss, showMember, alone)).user_id, theirs.user_id);
  const changed = await ask(boss, changeRolesOperation, { ...alone, roles: ["scientist"] });
  assert.equal(changed.user_id, theirs.user_id);
  // What is held about whose it is has invitations to it, and nothing of the other's account.
  const sent = await ask(owner, inviteMemberOperation, { email, role: "viewer" });
  const held = await ask(theirs, exportUserOperation, { user: "me" });
  const rowsOf = (name: string) => held.account.find(({ table }) => table === name)?.rows ?? [];
  assert.ok(rowsOf("tokens").some(({ token_id }) => token_id === sent.invitation_id));
  assert.deepEqual(
    rowsOf("users").map((row) => row["user_id"]),
    [theirs.user_id],
  );
  assert.equal((await ask(boss, removeMemberOperation, alone)).user_id, theirs.user_id);
  // Erasing an account that somebody made with their address leaves what others were answered about them.
  await context.superuser(
    `INSERT INTO idempotency_keys (principal_id, operation, key, request_hash, answer)
     VALUES ($1, 'member.invite', $2, repeat('0', 64), jsonb_build_object('email', upper($2)))`,
    [owner.user_id, email],
  );
  const kept = async () =>
    (await context.superuser("SELECT 1 FROM idempotency_keys WHERE key = $1", [email])).length;
  await ask(context.admin_principal, eraseUserOperation, { user: impostor.username });
  assert.equal(await kept(), 1);
  await ask(context.admin_principal, eraseUserOperation, { user: theirs.username });
  assert.equal(await kept(), 0);
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
