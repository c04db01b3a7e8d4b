import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person, withPermissions } from "../../test/support/context.ts";
import { asker, fails, nobodysName, operatorIn, PASSWORD } from "../../test/support/people.ts";
import { until } from "../../test/support/worker.ts";
import { localPrincipal, NOBODY, type Principal } from "../access/principal.ts";
import { verifyChain } from "../audit/chain.ts";
import type { AppError } from "../errors.ts";
import { createKeyOperation } from "../identity/operations.ts";
import { newId } from "../ids.ts";
import { lockOrganizations } from "./members-store.ts";
import {
  acceptInvitationOperation,
  addMemberOperation,
  changeRolesOperation,
  createRoleOperation,
  createServiceOperation,
  inviteMemberOperation,
  listInvitations,
  listMembers,
  removeMemberOperation,
  revokeInvitationOperation,
  showMember,
  updateRoleOperation,
} from "./operations.ts";
import { insertUser } from "./users-store.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const other = await makeOrg(context);
const owner = await person(context, org, "owner");
const admin = await person(context, org, "admin");
const viewer = await person(context, org, "viewer");
const foreigner = await person(context, other, "owner");

const ask = asker(context);
const operator = await operatorIn(context, org);
const rolesOf = async (who: Principal, in_: Principal = operator) =>
  (await ask(in_, listMembers, { limit: 1000 })).items.find(({ user_id }) => user_id === who.user_id)?.roles;

test("members are told to members, addresses to who manages them, and nothing to anybody else", async () => {
  const seen = await ask(viewer, listMembers, {});
  const names = seen.items.map(({ username }) => username);
  assert.deepEqual(
    names.toSorted(),
    ["admin", owner, admin, viewer].map((one) => (typeof one === "string" ? one : one.username)).toSorted(),
  );
  assert.ok(seen.items.every(({ email, last_login_at }) => email === null && last_login_at === null));
  const managed = await ask(admin, listMembers, { role: "owner", kind: "person" });
  assert.deepEqual(managed.items.map(({ email }) => email).toSorted(), [
    "admin@localhost",
    `${owner.username}@example.org`,
  ]);
  assert.ok((await ask(foreigner, listMembers, {})).items.every(({ user_id }) => user_id !== viewer.user_id));
  await assert.rejects(ask({ ...viewer, org_id: null }, listMembers, {}), fails("usage"));
  const first = await ask(viewer, listMembers, { limit: 3 });
  const next = await ask(viewer, listMembers, { limit: 3, cursor: first.next_cursor ?? "" });
  assert.deepEqual([...first.items, ...next.items], seen.items);
});

test("a foreign member and a missing one are the same 404, to every change", async () => {
  const { username, user_id } = foreigner;
  const changes = [
    (user: string) => ask(owner, removeMemberOperation, { user }),
    (user: string) => ask(owner, changeRolesOperation, { user, roles: ["viewer"] }),
    (user: string) => ask(owner, addMemberOperation, { user, roles: ["viewer"] }),
  ];
  for (const change of changes) {
    const said = new Set<string>();
    for (const user of [username, user_id, `${username}@example.org`, "nobody-at-all", newId()])
      await assert.rejects(change(user), (error: AppError) => {
        said.add(error.message.replace(user, "X"));
        return fails("not_found")(error);
      });
    assert.equal(said.size, 1, [...said].join("\n"));
  }
  assert.deepEqual(await rolesOf(foreigner, foreigner), ["owner"]);
});

test("the operator adds anybody, once; who it is decides about themselves only", async () => {
  const added = await ask(operator, addMemberOperation, {
    user: foreigner.username,
    roles: ["viewer", "scientist"],
  });
  assert.deepEqual(added.roles, ["scientist", "viewer"]);
  await assert.rejects(
    ask(operator, addMemberOperation, { user: foreigner.user_id, roles: ["viewer"] }),
    fails("conflict", /a member already/),
  );
  await assert.rejects(
    ask(operator, addMemberOperation, { user: "nobody", roles: ["viewer"] }),
    fails("not_found"),
  );
  const gone = await ask(owner, removeMemberOperation, { user: foreigner.username });
  assert.equal(gone.user_id, foreigner.user_id);
  assert.equal(await rolesOf(foreigner), undefined);
  await assert.rejects(
    localPrincipal(context.metadata, foreigner.username, org.org_id),
    fails("not_found"),
    "they are out",
  );
});

test("nobody gives a role that gives more than they have, or stands above them", async () => {
  const target = await person(context, org, "viewer");
  const give = (who: Principal, ...roles: string[]) =>
    ask(who, changeRolesOperation, { user: target.username, roles });
  await assert.rejects(give(admin, "owner"), fails("forbidden", /only an owner/));
  assert.deepEqual((await give(admin, "admin")).roles, ["admin"]);
  assert.deepEqual((await give(owner, "owner", "viewer")).roles, ["owner", "viewer"]);
  await assert.rejects(
    give(admin, "viewer"),
    fails("forbidden", /only an owner/),
    "an admin takes an owner's role",
  );
  await assert.rejects(
    ask(admin, removeMemberOperation, { user: target.username }),
    fails("forbidden", /only an owner/),
  );
  assert.deepEqual((await give(owner, "viewer")).roles, ["viewer"]);
  // A key of an owner that may manage members and nothing else.
  const key = { ...withPermissions(owner, ["members:manage", "members:read"]), via: "key" as const };
  await assert.rejects(give(key, "scientist"), fails("forbidden", /jobs:submit/));
  await assert.rejects(give(viewer, "viewer"), fails("forbidden", /members:manage/));
});

test("a custom role that manages members reaches neither admins nor what it lacks itself", async () => {
  const role = await ask(owner, createRoleOperation, {
    name: "hr",
    permissions: ["members:read", "members:manage", "jobs:read", "members:read"],
  });
  assert.deepEqual(role.permissions, ["jobs:read", "members:manage", "members:read"]);
  const hr = await person(context, org, "viewer");
  await ask(owner, changeRolesOperation, { user: hr.username, roles: ["hr"] });
  const asker = {
    ...hr,
    ...(await localPrincipal(context.metadata, hr.username, org.org_id)),
    org_id: org.org_id,
  };
  const target = await person(context, org, "viewer");
  for (const roles of [["scientist"], ["viewer", "admin"], ["owner"]])
    await assert.rejects(
      ask(asker, changeRolesOperation, { user: target.username, roles }),
      fails("forbidden"),
    );
  for (const user of [admin.username, owner.username])
    await assert.rejects(ask(asker, removeMemberOperation, { user }), fails("forbidden"));
  await assert.rejects(
    ask(asker, updateRoleOperation, { role: "hr", permissions: ["members:manage", "jobs:submit"] }),
    fails("forbidden", /jobs:submit/),
    "their own role into more",
  );
  await assert.rejects(
    ask(asker, createRoleOperation, { name: "more", permissions: ["orgs:delete"] }),
    fails("forbidden", /orgs:delete/),
  );
  await assert.rejects(
    ask(asker, inviteMemberOperation, { email: "more@example.org", role: "scientist" }),
    fails("forbidden"),
  );
  await assert.rejects(
    ask(asker, createServiceOperation, { username: nobodysName() }),
    fails("forbidden"),
    "a service that may do more",
  );
  assert.deepEqual((await ask(asker, changeRolesOperation, { user: target.username, roles: ["hr"] })).roles, [
    "hr",
  ]);
  // What they were allowed when they asked is asked again: it was taken meanwhile.
  await ask(owner, changeRolesOperation, { user: hr.username, roles: ["viewer"] });
  await assert.rejects(
    ask(asker, removeMemberOperation, { user: target.username }),
    fails("forbidden", /members:manage/),
  );
  await ask(owner, removeMemberOperation, { user: hr.username });
  await assert.rejects(ask(asker, removeMemberOperation, { user: target.username }), fails("not_found"));
});

test("one member is shown by name and id, by address only to who sees addresses; a stranger is nobody", async () => {
  const email = `${viewer.username}@example.org`;
  for (const user of [viewer.user_id, viewer.username.toUpperCase()])
    assert.deepEqual(
      [(await ask(viewer, showMember, { user })).email, (await ask(admin, showMember, { user })).email],
      [null, email],
    );
  assert.equal((await ask(admin, showMember, { user: email })).user_id, viewer.user_id);
  await assert.rejects(ask(viewer, showMember, { user: email }), fails("not_found"));
  for (const user of [foreigner.user_id, foreigner.username, nobodysName()])
    await assert.rejects(ask(owner, showMember, { user }), fails("not_found"));
});

test("an organization keeps an owner who can act, also where two remove each other at once", async () => {
  for (let round = 0; round < 5; round++) {
    const lab = await makeOrg(context);
    const [one, two] = [await person(context, lab, "owner"), await person(context, lab, "owner")];
    const boss = await operatorIn(context, lab);
    await ask(one, removeMemberOperation, { user: "admin" });
    const user = one.username;
    const hands = [
      () => ask(one, removeMemberOperation, { user: two.username }),
      () =>
        round % 2 === 0
          ? ask(two, removeMemberOperation, { user })
          : ask(two, changeRolesOperation, { user, roles: ["viewer"] }),
    ];
    const ends = await Promise.allSettled(hands.map((hand) => hand()));
    assert.equal(ends.filter(({ status }) => status === "fulfilled").length, 1, "one of two");
    const left = (await ask(boss, listMembers, { role: "owner" })).items;
    assert.equal(left.length, 1);
    const [last] = left;
    const as = {
      ...boss,
      ...(await localPrincipal(context.metadata, last?.username ?? "", lab.org_id)),
      org_id: lab.org_id,
    };
    for (const who of [as, boss]) {
      await assert.rejects(
        ask(who, removeMemberOperation, { user: as.username }),
        fails("conflict", new RegExp(`last owner of ${lab.name} \\(${lab.slug}\\)`)),
      );
      await assert.rejects(
        ask(who, changeRolesOperation, { user: as.username, roles: ["admin"] }),
        fails("conflict", /last owner/),
      );
    }
  }
});

test("an owner who is disabled does not count, and a service owns nothing", async () => {
  const lab = await makeOrg(context);
  const boss = await operatorIn(context, lab);
  const asleep = await person(context, lab, "owner");
  await context.superuser("UPDATE users SET enabled = false WHERE user_id = $1", [asleep.user_id]);
  await assert.rejects(ask(boss, removeMemberOperation, { user: "admin" }), fails("conflict", /last owner/));
  await assert.rejects(
    ask(boss, createServiceOperation, { username: nobodysName(), roles: ["owner"] }),
    fails("conflict", /only people/),
  );
  await ask(boss, removeMemberOperation, { user: asleep.username });
});

test("a service account: made by an admin, seen by members, without address or password", async () => {
  const username = nobodysName();
  const robot = await ask(admin, createServiceOperation, { username });
  assert.deepEqual([robot.kind, robot.roles, robot.email], ["service", ["service"], null]);
  const key = await ask(admin, createKeyOperation, { name: "nightly", user_id: robot.user_id });
  assert.match(key.key ?? "", /^alq_/);
  await assert.rejects(ask(admin, createServiceOperation, { username }), fails("conflict", /taken/));
  const leaving = await person(context, org, "admin");
  await ask(leaving, createKeyOperation, { name: "mine" });
  const ended = await ask(leaving, createKeyOperation, { name: "ended", days: 1 });
  await context.superuser("UPDATE api_keys SET expires_at = now() WHERE key_id = $1", [ended.key_id]);
  await ask(leaving, createKeyOperation, { name: "known to me", user_id: robot.user_id });
  const gone = await ask(owner, removeMemberOperation, { user: leaving.username });
  assert.deepEqual([gone.keys, gone.service_keys], [1, 1]);
  assert.equal((await ask(admin, removeMemberOperation, { user: username })).keys, 2);
});

test("a service and a person who want one name at once: none waits for the other in a circle", async () => {
  const username = nobodysName();
  const email = `${username}@example.org`;
  let making: Promise<unknown> = Promise.resolve();
  // As `member.accept` goes: the person, then the organization.
  await context.metadata.system(async (tx) => {
    const user = {
      user_id: newId(),
      username,
      email,
      kind: "person",
      is_admin: false,
      hashed_password: null,
    } as const;
    await insertUser(tx, user);
    making = ask(admin, createServiceOperation, { username }).catch((error: unknown) => error);
    await until("the service to wait for the name", async () => {
      const waiting = await context.superuser(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return waiting[0];
    });
    await lockOrganizations(tx, [org.org_id]);
  });
  assert.ok(fails("conflict", /is taken/)(await making));
});

test("a key with scopes stands below its owner's rank", async () => {
  const boss = await person(context, org, "owner");
  const key: Principal = {
    ...owner,
    via: "key",
    is_org_admin: false,
    permissions: new Set(["members:manage"]),
  };
  await assert.rejects(
    ask(key, removeMemberOperation, { user: boss.username }),
    fails("forbidden", /only an owner/),
  );
  await ask({ ...key, is_org_admin: true }, removeMemberOperation, { user: boss.username });
});

test("an invitation is used once, also by two at once, by who signs up or is signed in", async () => {
  const email = `${nobodysName()}@example.org`;
  const invite = (role = "scientist") => ask(admin, inviteMemberOperation, { email, role });
  const made = await invite();
  const open = (await ask(admin, listInvitations, {})).items;
  assert.deepEqual(open.find(({ invitation_id }) => invitation_id === made.invitation_id)?.email, email);
  assert.ok(!JSON.stringify(open).includes(made.token ?? "?"));
  const username = nobodysName();
  const token = made.token ?? "";
  await assert.rejects(
    ask(NOBODY, acceptInvitationOperation, { token }),
    fails("bad_input", /username is needed/),
  );
  await assert.rejects(
    ask(NOBODY, acceptInvitationOperation, { token, username, password: `${username}` }),
    fails("bad_input"),
    "a poor password",
  );
  const ends = await Promise.allSettled(
    [username, nobodysName()].map((name) =>
      ask(NOBODY, acceptInvitationOperation, { token, username: name, password: PASSWORD }),
    ),
  );
  const joined = ends.flatMap((end) => (end.status === "fulfilled" ? [end.value] : []));
  assert.deepEqual(
    joined.map(({ roles, created, org_id }) => [roles, created, org_id]),
    [[["scientist"], true, org.org_id]],
  );
  const [found] = await context.superuser("SELECT email FROM users WHERE username = $1", [
    joined[0]?.username,
  ]);
  assert.equal(found?.["email"], email);
  await assert.rejects(ask(viewer, acceptInvitationOperation, { token }), fails("not_found"));
  await assert.rejects(invite(), fails("conflict", /a member already/));
  // A foreigner with an account joins as themselves; their address is nobody's business of the asker's.
  const second = await ask(admin, inviteMemberOperation, {
    email: `${foreigner.username}@example.org`,
    role: "viewer",
  });
  const again = { token: second.token ?? "" };
  const asKey = { ...foreigner, via: "key" as const };
  await assert.rejects(ask(asKey, acceptInvitationOperation, { token: again.token }), fails("forbidden"));
  const into = await ask(foreigner, acceptInvitationOperation, { token: again.token });
  assert.deepEqual([into.created, into.user_id, into.roles], [false, foreigner.user_id, ["viewer"]]);
  await ask(owner, removeMemberOperation, { user: foreigner.username });
});

test("an invitation ends when it is taken back, replaced, late, or its sender may invite no more", async () => {
  const email = `${nobodysName()}@example.org`;
  const sender = await person(context, org, "admin");
  const tokenOf = async (who: Principal) => await ask(who, inviteMemberOperation, { email, role: "viewer" });
  const closed = async (token: string | null, why: string) =>
    assert.rejects(
      ask(NOBODY, acceptInvitationOperation, {
        token: token ?? "",
        username: nobodysName(),
        password: PASSWORD,
      }),
      fails("not_found", /no such invitation is open/),
      why,
    );
  const first = await tokenOf(sender);
  const next = await tokenOf(sender);
  await closed(first.token, "replaced");
  await assert.rejects(
    ask(foreigner, revokeInvitationOperation, { invitation_id: next.invitation_id }),
    fails("not_found"),
  );
  await ask(admin, revokeInvitationOperation, { invitation_id: next.invitation_id });
  await closed(next.token, "taken back");
  await assert.rejects(
    ask(admin, revokeInvitationOperation, { invitation_id: next.invitation_id }),
    fails("not_found"),
  );
  const late = await tokenOf(sender);
  await context.superuser("UPDATE tokens SET expires_at = now() WHERE token_id = $1", [late.invitation_id]);
  await closed(late.token, "late");
  const left = await tokenOf(sender);
  assert.equal((await ask(owner, removeMemberOperation, { user: sender.username })).invitations, 1);
  await closed(left.token, "its sender left");
  const demoted = await person(context, org, "admin");
  const theirs = await tokenOf(demoted);
  await ask(owner, changeRolesOperation, { user: demoted.username, roles: ["viewer"] });
  await closed(theirs.token, "its sender may invite no more");
});

test("a secret is in the first answer alone: neither repeated, nor audited, nor kept", async () => {
  const options = { idempotencyKey: "invite-1" };
  const input = { email: `${nobodysName()}@example.org`, role: "viewer" };
  const first = await ask(admin, inviteMemberOperation, input, options);
  const again = await ask(admin, inviteMemberOperation, input, options);
  assert.deepEqual(again, { ...first, token: null });
  const kept = JSON.stringify([
    await context.superuser("SELECT * FROM idempotency_keys"),
    await context.superuser("SELECT * FROM audit_logs"),
    await context.superuser("SELECT * FROM tokens"),
  ]);
  assert.ok(!kept.includes(first.token ?? ""));
});

test("what was done to members stands in the organization's chain, with ids and no names", async () => {
  const rows = await context.superuser<{ action: string; metadata: object }>(
    "SELECT action, metadata FROM audit_logs WHERE org_id = $1",
    [org.org_id],
  );
  const actions = new Set(rows.map(({ action }) => action));
  for (const action of [
    "member.add",
    "member.roles",
    "member.remove",
    "member.invite",
    "member.accept",
    "invitation.revoke",
    "role.create",
    "service.create",
  ])
    assert.ok(actions.has(action), action);
  const people = await context.superuser<{ username: string; email: string }>(
    "SELECT username, email FROM users WHERE username <> 'admin'",
  );
  const told = JSON.stringify(rows);
  for (const { username, email } of people)
    assert.ok(!told.includes(username) && !told.includes(email), username);
  assert.equal((await context.metadata.system((tx) => verifyChain(tx, org.org_id))).first_bad_seq, null);
});
