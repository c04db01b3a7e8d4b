import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { bearer, signInAs, signInMember, withClock } from "../../test/support/identity.ts";
import { until } from "../../test/support/worker.ts";
import { ACCESS_BELIEVED_MS, AccessMemory } from "../access/memory.ts";
import { type Access, OPERATOR_PERMISSIONS, PERMISSIONS } from "../access/permissions.ts";
import { require } from "../access/policy.ts";
import { localPrincipal, type Principal } from "../access/principal.ts";
import { inFlags } from "../cli/in-flags.ts";
import { AppError } from "../errors.ts";
import { newId, sha256 } from "../ids.ts";
import { listOrgsOperation, showOrgOperation, showSettingsOperation } from "../orgs/operations.ts";
import { deleteMember } from "../people/members-store.ts";
import { changeRolesOperation, inviteMemberOperation, removeMemberOperation } from "../people/operations.ts";
import { perform } from "../perform.ts";
import type { KeyCreate } from "./key-schema.ts";
import { lockForKey } from "./keys-store.ts";
import {
  createKeyOperation,
  listKeysOperation,
  logoutSession,
  revokeKeyOperation,
  whoAmI,
} from "./operations.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const other = await makeOrg(context);
const services = await withClock(context);
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;
const refused = kind("unauthenticated");

async function make(asker: Principal, more: Partial<KeyCreate> = {}, options = {}) {
  const made = await perform(services, createKeyOperation, asker, { name: "a key", ...more }, options);
  return { ...made, key: made.key ?? "" };
}

async function serviceAccount(role: string, at: { org_id: string } = org): Promise<string> {
  const { user_id } = await person(context, at, role);
  await context.superuser("UPDATE users SET kind = 'service' WHERE user_id = $1", [user_id]);
  return user_id;
}

const sorted = (permissions: Iterable<string>) => [...permissions].toSorted();

test("a key acts as its owner in one organization, is stored as a hash, and tells of itself", async () => {
  const { ann, session } = await signInMember(services, org, "scientist");
  const made = await make(await bearer(services, session.access_token), { days: 30 });
  assert.match(made.key, /^alq_[a-z0-9]{12}_[A-Za-z0-9_-]{43}[a-z0-9]{7}$/);
  assert.equal(made.key.split("_")[1], made.prefix);
  const principal = await bearer(services, made.key);
  assert.deepEqual(sorted(principal.permissions), sorted(ann.permissions));
  assert.deepEqual(
    [principal.user_id, principal.org_id, principal.via, principal.key_id, principal.session_id],
    [ann.user_id, org.org_id, "key", made.key_id, null],
  );
  const [row] = await context.superuser("SELECT key_hash, prefix FROM api_keys WHERE key_id = $1", [
    made.key_id,
  ]);
  assert.deepEqual(row, { key_hash: sha256(made.key), prefix: made.prefix });
  const told = await perform(services, whoAmI, principal, {});
  assert.deepEqual([told.via, told.org?.org_id], ["key", org.org_id]);
  assert.equal(Date.parse(told.expires_at ?? ""), Date.parse(made.expires_at ?? "-"));
  const audit = await context.superuser(
    "SELECT action, user_id, metadata FROM audit_logs WHERE chain_id = $1 AND entity_id = $2",
    [org.org_id, made.key_id],
  );
  assert.deepEqual(audit, [
    { action: "key.create", user_id: ann.user_id, metadata: { owner_id: ann.user_id } },
  ]);
});

test("every other spelling of a key is refused, and one that was mistyped before a database is asked", async () => {
  const ann = await person(context, org, "viewer");
  const { key } = await make(ann);
  const blind = { ...services, metadata: undefined as never };
  for (let at = 0; at < key.length; at++) {
    const flipped = `${key.slice(0, at)}${key[at] === "a" ? "b" : "a"}${key.slice(at + 1)}`;
    await assert.rejects(bearer(blind, flipped), refused, flipped);
  }
  for (const text of [key.slice(0, -1), `${key}a`, key.toUpperCase(), "alq_", "alq_x_y"])
    await assert.rejects(bearer(blind, text), refused, text);
  const stranger = await make(await person(context, org, "viewer"));
  await context.superuser("UPDATE api_keys SET key_hash = $2 WHERE key_id = $1", [
    stranger.key_id,
    sha256("another"),
  ]);
  await assert.rejects(bearer(services, stranger.key), refused, "the right prefix alone");
  await bearer(services, key);
});

test("who lacks a permission is told whether it is the key's scopes that lack it, or its owner", async () => {
  const ann = await person(context, org, "scientist");
  const { key } = await make(ann, { scopes: ["jobs:read"] });
  const asker = await bearer(services, key);
  const ask = (operation: { permission: Access }) => () => require(asker, operation.permission);
  assert.throws(ask({ permission: "jobs:submit" }), (error: AppError) => {
    assert.equal(error.kind, "forbidden");
    return /scopes of this API key do not cover it: it needs jobs:submit/.test(error.message);
  });
  assert.throws(
    ask({ permission: "members:manage" }),
    /may not do this: it needs the permission members:manage/,
  );
  const operator = await make({ ...context.admin_principal, org_id: org.org_id });
  const operating = await bearer(services, operator.key);
  assert.throws(() => require(operating, "orgs:operate"), /scopes of this API key/);
  assert.throws(() => require(operating, "users:manage"), /needs the permission users:manage/);
});

test("scopes give what both they and the owner have at that moment", async () => {
  const ann = await person(context, org, "scientist");
  const { key } = await make(ann, { scopes: ["jobs:read", "jobs:submit"] });
  assert.deepEqual(sorted((await bearer(services, key)).permissions), ["jobs:read", "jobs:submit"]);
  await context.superuser(
    "UPDATE membership_roles SET role_id = (SELECT role_id FROM roles WHERE name = 'viewer') WHERE user_id = $1",
    [ann.user_id],
  );
  services.clock.ms += ACCESS_BELIEVED_MS;
  assert.deepEqual(sorted((await bearer(services, key)).permissions), ["jobs:read"]);
  const viewer = await person(context, org, "viewer");
  await assert.rejects(make(viewer, { scopes: ["jobs:submit"] }), kind("forbidden"));
  await assert.rejects(make(viewer, { scopes: ["jobs:everything" as "jobs:read"] }), kind("bad_input"));
  await assert.rejects(make(viewer, { scopes: [] }), kind("bad_input"));
});

test("an operator's key acts in its organization alone, and operates nothing that no scope names", async () => {
  const operator = await localPrincipal(context.metadata, "admin", org.org_id);
  const plain = await bearer(services, (await make(operator)).key);
  assert.deepEqual([plain.is_admin, plain.org_id], [false, org.org_id]);
  const grantable = PERMISSIONS.filter((name) => !OPERATOR_PERMISSIONS.includes(name));
  assert.deepEqual(sorted(plain.permissions), sorted(grantable));
  const scoped = await make(operator, { scopes: ["orgs:create", "orgs:read"] });
  const principal = await bearer(services, scoped.key);
  assert.deepEqual(
    [principal.is_admin, sorted(principal.permissions)],
    [false, ["orgs:create", "orgs:read"]],
  );
});

test("no key manages users, whatever its scopes: it would be the operator soon", async () => {
  const operator = { ...(await localPrincipal(context.metadata, "admin", org.org_id)), org_id: org.org_id };
  await assert.rejects(make(operator, { scopes: ["jobs:read", "users:manage"] }), kind("bad_input"));
  const made = await make(operator, { scopes: ["orgs:create"] });
  // As one that was made before there was the rule.
  await context.superuser("UPDATE api_keys SET scopes = '{users:manage,orgs:create}' WHERE key_id = $1", [
    made.key_id,
  ]);
  assert.deepEqual(sorted((await bearer(services, made.key)).permissions), ["orgs:create"]);
});

test("a key ends: revoked, expired, its owner disabled or gone, its organization gone", async () => {
  const ann = await person(context, org, "viewer");
  const works = async (key: string) => {
    services.clock.ms += ACCESS_BELIEVED_MS;
    return bearer(services, key).then(
      () => true,
      (error) => (refused(error) ? false : Promise.reject(error)),
    );
  };
  const revoked = await make(ann);
  await bearer(services, revoked.key);
  await perform(services, revokeKeyOperation, ann, { key_id: revoked.key_id });
  await assert.rejects(bearer(services, revoked.key), refused, "in this process at once");
  const { key, key_id } = await make(ann);
  assert.equal(await works(key), true);
  for (const [end, back] of [
    [
      "UPDATE users SET enabled = false WHERE user_id = $1",
      "UPDATE users SET enabled = true WHERE user_id = $1",
    ],
    [
      "UPDATE organizations SET status = 'deleting', delete_after = now() WHERE org_id = $2; UPDATE organizations SET status = 'deleted', deleted_at = now() WHERE org_id = $2",
      undefined,
    ],
  ] as const) {
    const place = back === undefined ? await makeOrg(context) : org;
    const one = back === undefined ? await person(context, place, "viewer") : ann;
    const mine = await make(one);
    assert.equal(await works(mine.key), true);
    for (const text of end.split("; "))
      await context.superuser(
        text.replaceAll("$2", `'${place.org_id}'`),
        text.includes("$1") ? [one.user_id] : [],
      );
    assert.equal(await works(mine.key), false, end);
    if (back !== undefined) await context.superuser(back, [one.user_id]);
  }
  await context.superuser("UPDATE api_keys SET expires_at = now() WHERE key_id = $1", [key_id]);
  assert.equal(await works(key), false);
  const member = await make(ann);
  await context.superuser("DELETE FROM memberships WHERE user_id = $1", [ann.user_id]);
  assert.equal(await works(member.key), false);
});

test("when a key was last used is known to the minute, and written once in it", async () => {
  const ann = await person(context, org, "viewer");
  const { key, key_id } = await make(ann);
  const used = async () => {
    services.clock.ms += ACCESS_BELIEVED_MS;
    await bearer(services, key);
    const [row] = await context.superuser<{ last_used_at: string; xmin: string }>(
      "SELECT last_used_at, xmin::text FROM api_keys WHERE key_id = $1",
      [key_id],
    );
    return row;
  };
  await used();
  await context.superuser(
    "UPDATE api_keys SET last_used_at = date_trunc('minute', now()) WHERE key_id = $1",
    [key_id],
  );
  const [first, second] = [await used(), await used()];
  // A minute may end between the two: then it is written once more, and rightly.
  if (first?.last_used_at === second?.last_used_at) assert.equal(first?.xmin, second?.xmin);
  await context.superuser("UPDATE api_keys SET last_used_at = '2020-01-01' WHERE key_id = $1", [key_id]);
  const at = Date.parse((await used())?.last_used_at ?? "");
  assert.equal(at % 60_000, 0);
  assert.ok(Math.abs(Date.now() - at) < 120_000);
});

test("keys for service accounts need keys:manage and no more than the maker may; nobody makes another person's", async () => {
  const owner = await person(context, org, "owner");
  const scientist = await person(context, org, "scientist");
  const robot = await serviceAccount("service");
  const made = await make(owner, { user_id: robot });
  assert.deepEqual([made.user_id, made.created_by], [robot, owner.user_id]);
  assert.equal((await bearer(services, made.key)).user_id, robot);
  await assert.rejects(make(scientist, { user_id: robot }), kind("forbidden"));
  await assert.rejects(make(owner, { user_id: scientist.user_id }), kind("forbidden"));
  await assert.rejects(make(owner, { user_id: await serviceAccount("service", other) }), kind("not_found"));
  const keeper = { ...scientist, permissions: new Set([...scientist.permissions, "keys:manage" as const]) };
  const strong = await serviceAccount("owner");
  await assert.rejects(
    make(keeper, { user_id: strong }),
    kind("forbidden"),
    "by a key one would be the owner",
  );
  await assert.rejects(make(keeper, { user_id: strong, scopes: ["jobs:read"] }), kind("forbidden"));
});

test("a key makes, lists and revokes no keys", async () => {
  const owner = await person(context, org, "owner");
  const made = await make(owner);
  const key = await bearer(services, made.key);
  await assert.rejects(make(key), kind("forbidden"));
  await assert.rejects(perform(services, listKeysOperation, key, {}), kind("forbidden"));
  await assert.rejects(
    perform(services, revokeKeyOperation, key, { key_id: made.key_id }),
    kind("forbidden"),
  );
});

test("one sees and revokes one's own keys, who manages keys everybody's in the organization, nobody another's", async () => {
  const lab = await makeOrg(context);
  const [ann, bob, owner] = [
    await person(context, lab, "scientist"),
    await person(context, lab, "viewer"),
    await person(context, lab, "owner"),
  ];
  const stranger = await person(context, other, "owner");
  const operator = await localPrincipal(context.metadata, "admin", lab.org_id);
  const keeper = { ...bob, permissions: new Set([...bob.permissions, "keys:manage" as const]) };
  const [anns, bobs, operators] = [await make(ann), await make(bob), await make(operator)];
  const list = async (who: Principal, input = {}) =>
    (await perform(services, listKeysOperation, who, input)).items.map(({ key_id }) => key_id);
  assert.deepEqual(await list(ann), [anns.key_id]);
  assert.deepEqual(await list(bob), [bobs.key_id]);
  assert.deepEqual(await list(keeper), [operators.key_id, bobs.key_id, anns.key_id]);
  assert.deepEqual(await list(owner, { user_id: ann.user_id }), [anns.key_id]);
  assert.deepEqual(await list(stranger), []);
  const page = await perform(services, listKeysOperation, owner, { limit: 2 });
  const rest = await perform(services, listKeysOperation, owner, { cursor: page.next_cursor ?? "" });
  assert.deepEqual([page.items.length, rest.items.length, rest.next_cursor], [2, 1, null]);
  assert.ok(!JSON.stringify(page).includes(bobs.key));
  const revoke = (who: Principal, key_id: string) => perform(services, revokeKeyOperation, who, { key_id });
  await assert.rejects(revoke(bob, anns.key_id), kind("not_found"));
  await assert.rejects(revoke(stranger, anns.key_id), kind("not_found"));
  assert.equal((await revoke(owner, anns.key_id)).is_active, false);
  assert.equal((await revoke(owner, anns.key_id)).is_active, false, "twice");
  assert.deepEqual(await list(owner, { active: true }), [operators.key_id, bobs.key_id]);
  assert.deepEqual(await list(owner, { active: false }), [anns.key_id]);
});

test("when it ends is said once and lies ahead; a hundred keys are enough", async () => {
  const ann = await person(context, org, "viewer");
  await assert.rejects(make(ann, { days: 1, expires_at: "2999-01-01T00:00:00Z" }), kind("bad_input"));
  await assert.rejects(
    make(ann, { expires_at: "2001-01-01T00:00:00Z" }),
    ({ kind: found, message }: AppError) => {
      assert.match(inFlags(message), /^--until /, "in words of a command too");
      return found === "bad_input";
    },
  );
  await assert.rejects(make(ann, { expires_at: "tomorrow" }), kind("bad_input"));
  const made = await make(ann, { expires_at: "2999-01-01T00:00:00+02:00" });
  assert.equal(made.expires_at, "2998-12-31T22:00:00Z");
  await context.superuser(
    `INSERT INTO api_keys (org_id, user_id, prefix, key_hash, name)
     SELECT $1, $2::uuid, 'p' || left(md5(n || $2::text), 11), encode(sha256((n || $2::text)::bytea), 'hex'), 'k' FROM generate_series(1, 99) AS n`,
    [org.org_id, ann.user_id],
  );
  await assert.rejects(make(ann), kind("quota"));
  await perform(services, revokeKeyOperation, ann, { key_id: made.key_id });
  await make(ann);
});

test("a key knows of its own organization, and of no other of its owner's", async () => {
  const ann = await person(context, org, "scientist");
  await context.superuser("INSERT INTO memberships (user_id, org_id) VALUES ($1, $2)", [
    ann.user_id,
    other.org_id,
  ]);
  const operator = await localPrincipal(context.metadata, "admin", org.org_id);
  for (const owner of [ann, operator]) {
    const key = await bearer(services, (await make(owner)).key);
    const { items } = await perform(services, listOrgsOperation, key, {});
    assert.deepEqual(
      items.map(({ org_id }) => org_id),
      [org.org_id],
    );
    const told = await perform(services, whoAmI, key, {});
    assert.ok(!JSON.stringify([items, told]).includes(other.org_id));
    for (const text of [other.org_id, other.slug, other.name])
      for (const operation of [showOrgOperation, showSettingsOperation])
        await assert.rejects(
          async () => perform(services, operation as typeof showOrgOperation, key, { org: text }),
          (error) => kind("not_found")(error) || kind("forbidden")(error),
        );
  }
  const { items } = await perform(services, listOrgsOperation, ann, {});
  assert.equal(items.length, 2, "the person sees both");
});

test("an admin's key with scopes sees private rows of its owner alone, one without those of all", async () => {
  const owner = await person(context, org, "owner");
  const scoped = await bearer(services, (await make(owner, { scopes: ["jobs:read"] })).key);
  const whole = await bearer(services, (await make(owner)).key);
  assert.deepEqual([scoped.is_org_admin, whole.is_org_admin], [false, true]);
});

test("no key is made for somebody who is just removed", async () => {
  const ann = await person(context, org, "viewer");
  let making: Promise<unknown> = Promise.resolve();
  await context.metadata.system(async (tx) => {
    await lockForKey(tx, { user_id: ann.user_id, org_id: org.org_id, maker_id: ann.user_id });
    making = make(ann).catch((error: unknown) => error);
    await until(
      "the maker to wait",
      async () =>
        (
          await context.superuser(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
          )
        )[0],
    );
    await deleteMember(tx, ann.user_id, org.org_id);
  });
  assert.ok(kind("not_found")(await making), String(await making));
  assert.deepEqual(await context.superuser("SELECT 1 FROM api_keys WHERE user_id = $1", [ann.user_id]), []);
});

test("a repeated request shows no key, and makes none", async () => {
  const ann = await person(context, org, "viewer");
  const options = { idempotencyKey: "once" };
  const first = await make(ann, {}, options);
  const second = await make(ann, {}, options);
  assert.deepEqual([second.key_id, second.key], [first.key_id, ""]);
  const [row] = await context.superuser("SELECT count(*)::integer AS keys FROM api_keys WHERE user_id = $1", [
    ann.user_id,
  ]);
  assert.deepEqual(row, { keys: 1 });
});

test("who was thrown out makes nothing that lasts where another process still believes them", async () => {
  const elsewhere = { ...services, access: new AccessMemory({ now: () => services.clock.ms }) };
  const { ann, session } = await signInMember(services, org, "admin");
  const asked = () => bearer(elsewhere, session.access_token);
  const key = await make(await bearer(services, session.access_token));
  await Promise.all([asked(), bearer(elsewhere, key.key)]);
  await perform(services, logoutSession, await bearer(services, session.access_token), { everywhere: true });
  await assert.rejects(make(await asked()), refused);
  const invitation = { email: `${newId()}@example.org`, role: "admin" };
  await assert.rejects(perform(elsewhere, inviteMemberOperation, await asked(), invitation), refused);
  const again = await signInAs(services, ann.username);
  const revoker = await bearer(services, again.access_token);
  await perform(services, revokeKeyOperation, revoker, { key_id: key.key_id });
  const byKey = await bearer(elsewhere, key.key);
  await assert.rejects(perform(elsewhere, inviteMemberOperation, byKey, invitation), refused);
  assert.deepEqual(
    await context.superuser("SELECT 1 FROM tokens WHERE kind = 'invite' AND email = $1", [invitation.email]),
    [],
  );
});

test("nobody makes a key for a service with what was taken from them meanwhile", async () => {
  const owner = await person(context, org, "owner");
  const ann = await person(context, org, "admin");
  const user_id = await serviceAccount("scientist");
  await make(ann, { user_id });
  await perform(context, changeRolesOperation, owner, { user: ann.user_id, roles: ["scientist"] });
  await assert.rejects(make(ann, { user_id }), kind("forbidden"));
  await perform(context, removeMemberOperation, owner, { user: ann.user_id });
  await assert.rejects(make(ann, { user_id }), kind("not_found"));
  const keys = await context.superuser("SELECT 1 FROM api_keys WHERE user_id = $1", [user_id]);
  assert.equal(keys.length, 1);
});
