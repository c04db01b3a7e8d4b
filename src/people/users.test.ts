import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { Static } from "typebox";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { asker, fails, PASSWORD } from "../../test/support/people.ts";
import { localPrincipal, NOBODY } from "../access/principal.ts";
import { verifyChain } from "../audit/chain.ts";
import { verifyAuditOperation } from "../audit/operations.ts";
import type { AppError } from "../errors.ts";
import { createKeyOperation, login, resetPasswordOperation } from "../identity/operations.ts";
import { newId } from "../ids.ts";
import { addMolecules } from "../molecules/operations.ts";
import type { Operation, OwnTools } from "../operation.ts";
import { perform } from "../perform.ts";
import type { UserExport } from "./export-schema.ts";
import { selectPersonTables } from "./export-store.ts";
import { exportUser } from "./export-user.ts";
import {
  createUserOperation,
  disableUserOperation,
  enableUserOperation,
  eraseUserOperation,
  exportUserOperation,
  inviteMemberOperation,
  listUsersOperation,
  resetUserOperation,
  showUserOperation,
} from "./operations.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const operator = context.admin_principal;
const owner = await person(context, org, "owner");

const ask = asker(context);
let drawn = 0;
const newPerson = (more: object = {}) => {
  const username = `user-${process.pid}-${++drawn}`;
  return { username, email: `${username}@Example.org`, password: PASSWORD, ...more };
};
const signIn = (username: string, password = PASSWORD) => ask(NOBODY, login, { username, password });
const isVerified = async (chain: string) =>
  (await context.metadata.system((tx) => verifyChain(tx, chain))).first_bad_seq === null;
/** Two ways to lose everything. */
const LEAVING = [disableUserOperation, eraseUserOperation] as unknown as Operation[];
const SYSTEM = "00000000-0000-0000-0000-000000000000";

test("a person is made with a password or with a token for one, and found by name, address and id", async () => {
  const given = newPerson();
  const made = await ask(operator, createUserOperation, given);
  assert.deepEqual([made.has_password, made.reset_token, made.is_admin], [true, null, false]);
  await signIn(given.username.toUpperCase());
  for (const user of [made.user_id, given.username.toUpperCase(), given.email.toLowerCase()]) {
    const shown = await ask(operator, showUserOperation, { user });
    assert.deepEqual([shown.user_id, shown.email, shown.organizations], [made.user_id, given.email, []]);
  }
  const { password: _, ...without } = newPerson();
  const options = { idempotencyKey: "make-1" };
  const waiting = await ask(operator, createUserOperation, without, options);
  assert.equal(waiting.has_password, false);
  assert.deepEqual(await ask(operator, createUserOperation, without, options), {
    ...waiting,
    reset_token: null,
  });
  await ask(NOBODY, resetPasswordOperation, { token: waiting.reset_token ?? "", new_password: PASSWORD });
  await signIn(without.username);
});

test("names and addresses are one's own, whatever the case, also of two at once", async () => {
  const { username, email, password } = newPerson();
  const ends = await Promise.allSettled([
    ask(operator, createUserOperation, { username, email, password }),
    ask(operator, createUserOperation, { username: username.toUpperCase(), email: `x${email}`, password }),
  ]);
  const refused = ends.flatMap((end) => (end.status === "rejected" ? [end.reason as AppError] : []));
  assert.deepEqual(
    refused.map(({ kind }) => kind),
    ["conflict"],
  );
  await ask(operator, createUserOperation, { ...newPerson(), email: `y${email}` });
  await assert.rejects(
    ask(operator, createUserOperation, { ...newPerson(), email: `Y${email.toUpperCase()}` }),
    fails("conflict", /address/),
  );
  for (const name of [
    "a@b",
    "me",
    "ME",
    newId(),
    "erased-1",
    "-x",
    "a b",
    "a\u200bb",
    "a/b",
    "éa",
    "\u0430dmin",
    "v\u0456c",
    "admin\u3164",
  ])
    await assert.rejects(
      ask(operator, createUserOperation, newPerson({ username: name })),
      fails("bad_input"),
      name,
    );
  for (const address of ["abc", "a@b@c", "a b@c", "erased+1@invalid", "a\u0000@b.c", "@@@"])
    await assert.rejects(
      ask(operator, createUserOperation, newPerson({ email: address })),
      fails("bad_input"),
      address,
    );
  const poor = newPerson();
  await assert.rejects(
    ask(operator, createUserOperation, { ...poor, password: poor.email }),
    fails("bad_input", /^password must not/),
  );
});

test("users are the operator's alone: an owner learns of nobody", async () => {
  for (const operation of [
    listUsersOperation,
    createUserOperation,
    showUserOperation,
    disableUserOperation,
    enableUserOperation,
    resetUserOperation,
    eraseUserOperation,
  ] as unknown as Operation[])
    await assert.rejects(
      ask(owner, operation, { user: "admin" }),
      fails("forbidden", /users:manage/),
      operation.name,
    );
  const all: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Static<(typeof listUsersOperation)["output"]> = await ask(operator, listUsersOperation, {
      limit: 3,
      ...(cursor === undefined ? {} : { cursor }),
    });
    all.push(...page.items.map(({ user_id }) => user_id));
    cursor = page.next_cursor;
  }
  const [count] = await context.superuser<{ n: number }>("SELECT count(*)::int AS n FROM users");
  assert.equal(new Set(all).size, count?.n);
});

test("who is disabled is out at once, with sessions and invitations; enabled again, they sign in anew", async () => {
  const { username } = await ask(operator, createUserOperation, newPerson());
  const { user } = await signIn(username);
  const gone = await ask(operator, disableUserOperation, { user: username });
  assert.deepEqual([gone.enabled, gone.changed], [false, true]);
  assert.equal((await ask(operator, disableUserOperation, { user: username })).changed, false);
  await assert.rejects(signIn(username), fails("forbidden", /disabled/));
  await assert.rejects(localPrincipal(context.metadata, username, null), fails("forbidden"));
  const open = await context.superuser("SELECT 1 FROM tokens WHERE user_id = $1 AND NOT revoked", [
    user.user_id,
  ]);
  assert.equal(open.length, 0);
  assert.deepEqual(
    (await ask(operator, listUsersOperation, { enabled: false })).items.map((one) => one.username),
    [username],
  );
  assert.equal((await ask(operator, enableUserOperation, { user: username })).enabled, true);
  await signIn(username);
  await assert.rejects(
    ask(operator, disableUserOperation, { user: "admin" }),
    fails("conflict", /last operator/),
  );
});

test("a reset token replaces the one before; a service has no password", async () => {
  const { username } = await ask(operator, createUserOperation, newPerson());
  const first = await ask(operator, resetUserOperation, { user: username });
  const second = await ask(operator, resetUserOperation, { user: username });
  await signIn(username);
  const choose = (token: string | null, new_password: string) =>
    ask(NOBODY, resetPasswordOperation, { token: token ?? "", new_password });
  await assert.rejects(choose(first.reset_token, "another long one"), fails("unauthenticated"));
  await choose(second.reset_token, "another long one");
  await signIn(username, "another long one");
});

test("of two operators who disable or erase each other at once, one stays; the last can't be erased by themselves", async () => {
  for (const operation of LEAVING) {
    await context.superuser("UPDATE users SET is_admin = false WHERE username = 'admin'");
    const two = [newPerson({ operator: true }), newPerson({ operator: true })];
    const [a, b] = await Promise.all(
      two.map(async (one) => {
        await ask(operator, createUserOperation, one);
        return localPrincipal(context.metadata, one.username, null);
      }),
    );
    assert.ok(a !== undefined && b !== undefined);
    const ends = await Promise.allSettled([
      ask(a, operation, { user: b.username }),
      ask(b, operation, { user: a.username }),
    ]);
    const won = ends.filter(({ status }) => status === "fulfilled").length;
    const left = await context.superuser("SELECT 1 FROM users WHERE is_admin AND enabled");
    assert.deepEqual([won, left.length], [1, 1]);
    const last = ends[0]?.status === "fulfilled" ? a : b;
    await assert.rejects(
      ask(last, eraseUserOperation, { user: last.username }),
      fails("conflict", /last operator/),
    );
    await context.superuser("UPDATE users SET is_admin = (username = 'admin')");
  }
});

test("the last owner of an organization can be neither disabled nor erased, and it is said of which", async () => {
  const lab = await makeOrg(context);
  const boss = await person(context, lab, "owner");
  await context.superuser("DELETE FROM memberships WHERE org_id = $1 AND user_id = $2", [
    lab.org_id,
    operator.user_id,
  ]);
  for (const operation of LEAVING)
    await assert.rejects(
      ask(operator, operation, { user: boss.username }),
      fails("conflict", new RegExp(`last owner of ${lab.name} \\(${lab.slug}\\)`)),
    );
  assert.equal(
    (await ask(operator, showUserOperation, { user: boss.username })).organizations[0]?.slug,
    lab.slug,
  );
});

test("an erased person is a tombstone: nothing says who it was, what they own stays, every chain is whole", async () => {
  const given = newPerson();
  const made = await ask(operator, createUserOperation, given);
  const { user_id, username, email } = { ...made, email: given.email };
  await context.superuser("INSERT INTO memberships (user_id, org_id) VALUES ($1, $2)", [user_id, org.org_id]);
  await context.superuser(
    "INSERT INTO membership_roles (user_id, org_id, role_id) SELECT $1, $2, role_id FROM roles WHERE name IN ('scientist', 'admin')",
    [user_id, org.org_id],
  );
  const [provider] = await context.superuser<{ provider_id: string }>(
    `INSERT INTO identity_providers (name, kind, config) VALUES ('somewhere', 'oidc', '{}') RETURNING provider_id`,
  );
  await context.superuser(
    "INSERT INTO identities (user_id, provider_id, subject, email) VALUES ($1, $2, $3, $4)",
    [user_id, provider?.provider_id, `subject of ${username}`, email],
  );
  const them = { ...(await localPrincipal(context.metadata, username, org.org_id)), org_id: org.org_id };
  const key = await ask(them, createKeyOperation, { name: `key of ${username}` });
  const ended = await ask(them, createKeyOperation, { name: "ended", days: 1 });
  await context.superuser("UPDATE api_keys SET expires_at = now() WHERE key_id = $1", [ended.key_id]);
  await signIn(username);
  await ask(operator, resetUserOperation, { user: username }, { idempotencyKey: "reset-them" });
  await ask(owner, inviteMemberOperation, { email: "old@example.org", role: "viewer" });
  const other = await makeOrg(context);
  await ask({ ...operator, org_id: other.org_id }, inviteMemberOperation, { email, role: "viewer" });
  await ask(them, inviteMemberOperation, { email: "friend@example.org", role: "viewer" });
  await ask(them, addMolecules, { records: [{ text: "CCO", format: "smiles" }], visibility: "private" });

  const erased = await ask(operator, eraseUserOperation, { user: username });
  assert.deepEqual(
    [erased.username, erased.memberships, erased.keys, erased.changed],
    [`erased-${user_id.slice(-12)}`, 1, 1, true],
  );
  const tables = await context.superuser<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
  );
  for (const { name } of tables) {
    const rows = JSON.stringify(await context.superuser(`SELECT * FROM ${name}`));
    for (const word of [username, email, email.toLowerCase(), given.email])
      assert.ok(!rows.includes(word), `${name} still says ${word}`);
  }
  const [row] = await context.superuser("SELECT * FROM users WHERE user_id = $1", [user_id]);
  assert.deepEqual(
    [row?.["email"], row?.["hashed_password"], row?.["enabled"], row?.["last_login_at"]],
    [`erased+${user_id}@invalid`, null, false, null],
  );
  const [kept] = await context.superuser("SELECT is_active FROM api_keys WHERE key_id = $1", [key.key_id]);
  assert.equal(kept?.["is_active"], false);
  const owned = await context.superuser(
    "SELECT 1 FROM registrations WHERE owner_id = $1",
    [user_id],
    org.database_name,
  );
  assert.equal(owned.length, 1);
  for (const chain of [SYSTEM, org.org_id, other.org_id]) assert.ok(await isVerified(chain), chain);
  const told = await context.superuser(
    "SELECT org_id FROM audit_logs WHERE action = 'user.erase' AND entity_id = $1 ORDER BY org_id NULLS FIRST",
    [user_id],
  );
  assert.deepEqual(told, [{ org_id: null }, { org_id: org.org_id }]);
  assert.equal((await ask(operator, eraseUserOperation, { user: user_id })).changed, false);
  await assert.rejects(ask(operator, enableUserOperation, { user: user_id }), fails("conflict", /erased/));
  await assert.rejects(ask(operator, resetUserOperation, { user: user_id }), fails("conflict", /erased/));
  await assert.rejects(signIn(username), fails("unauthenticated"));
  assert.ok(
    (await ask(operator, listUsersOperation, { limit: 1000 })).items.every((one) => one.user_id !== user_id),
  );
  assert.deepEqual(
    (await ask(operator, listUsersOperation, { erased: true })).items.filter((one) => one.user_id === user_id)
      .length,
    1,
  );
  // The name is free again, and means somebody else.
  assert.notEqual((await ask(operator, createUserOperation, given)).user_id, user_id);
});

/** Columns that look like a person's and are none, or are told in another way. */
const NOT_PERSONS: Record<string, string> = {
  "users.username": "told with the row, which user_id finds",
  "users.email_confirmed": "told with the row, and yes or no",
  "task_queue.lease_owner": "a worker process",
};

/** Ids of things: any other uuid is asked about when its column is made. */
const THINGS =
  "artifact audit batch calculation canonical_exec canonical_job chain child collection current_exec dataset document event exec execution family identity job key molecule optimized_structure org parent pipeline pipeline_version pose_structure project protocol provider receptor_structure reference_structure registration result role server service site source structure task template token worker".split(
    " ",
  );
const isThings = (name: string) => name === "cached_from" || THINGS.some((thing) => name === `${thing}_id`);

test("every column of either database that may hold a person is in the export, or has a reason here", async () => {
  const columnsOf = async (database: string) =>
    context.superuser<{ place: string; table: string; name: string; type: string }>(
      `SELECT c.relname || '.' || a.attname AS place, c.relname AS table, a.attname AS name, format_type(a.atttypid, NULL) AS type
       FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
       WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`,
      [],
      database,
    );
  const inExport = {
    [context.database]: await context.metadata.system(selectPersonTables),
    [org.database_name]: await context.results.forMachinery(org.org_id, ({ tx }) => selectPersonTables(tx)),
  };
  const PERSONAL = /user|owner|person|email|author|submitt|invit|principal|private_to|_by$/;
  for (const [database, tables] of Object.entries(inExport)) {
    for (const { place, table, name, type } of await columnsOf(database)) {
      const told = tables.some((one) => one.name === table && one.person.includes(name));
      const suspect = (type === "uuid" && !isThings(name)) || PERSONAL.test(name);
      assert.ok(
        !suspect || told || place in NOT_PERSONS,
        `${place} may hold a person, and user.export does not look there`,
      );
    }
  }
});

test("an export has every row that names somebody, of the shared database and of their organizations, and no secret", async () => {
  const them = await person(context, org, "scientist");
  const colleague = await person(context, org, "scientist");
  await ask(them, createKeyOperation, { name: "mine" });
  await ask(them, addMolecules, { records: [{ text: "CCC", format: "smiles" }], visibility: "private" });
  await ask(colleague, addMolecules, {
    records: [{ text: "CCCC", format: "smiles" }],
    visibility: "private",
  });
  const held = await ask(them, exportUserOperation, { user: "me" });
  assert.deepEqual(
    await ask(operator, exportUserOperation, { user: them.username }).then((all) => all.user_id),
    them.user_id,
  );
  const countIn = (tables: UserExport["account"], name: string) =>
    tables.find(({ table }) => table === name)?.count;
  assert.deepEqual(
    ["users", "memberships", "membership_roles", "api_keys"].map((name) => countIn(held.account, name)),
    [1, 1, 1, 1],
  );
  assert.deepEqual(
    held.organizations.map(({ org_id, member, roles, problem }) => ({ org_id, member, roles, problem })),
    [{ org_id: org.org_id, member: true, roles: ["scientist"], problem: null }],
  );
  // Every row of either database in which the id stands as a value of its own.
  const everything = async (database: string, tables: UserExport["account"]) => {
    for (const { table, count, rows, left_out } of tables) {
      const all = await context.superuser<{ row: Record<string, unknown> }>(
        `SELECT to_jsonb(t) AS row FROM ${table} t`,
        [],
        database,
      );
      const naming = all.filter(({ row }) => Object.values(row).includes(them.user_id));
      assert.deepEqual([table, count, rows.length + left_out], [table, naming.length, naming.length]);
    }
    const names = new Set(tables.map(({ table }) => table));
    const others = await context.superuser<{ name: string }>(
      "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition",
      [],
      database,
    );
    for (const { name } of others.filter((one) => !names.has(one.name))) {
      const all = await context.superuser<{ row: Record<string, unknown> }>(
        `SELECT to_jsonb(t) AS row FROM ${name} t`,
        [],
        database,
      );
      assert.ok(
        all.every(({ row }) => !Object.values(row).includes(them.user_id)),
        `${name} names them and is left out`,
      );
    }
  };
  await everything(org.database_name, held.organizations[0]?.tables ?? []);
  assert.equal(countIn(held.organizations[0]?.tables ?? [], "registrations"), 1);
  const text = JSON.stringify(held);
  assert.doesNotMatch(text, /argon2|key_hash|token_hash|hashed_password|address_tag/);
  assert.ok(!text.includes(colleague.user_id), "nothing of a colleague");
});

test("nobody is told of another: a colleague, a stranger and nobody are the same 404; a key asks for nobody", async () => {
  const them = await person(context, org, "admin");
  for (const user of [owner.username, "admin", "nobody-at-all", newId()])
    await assert.rejects(ask(them, exportUserOperation, { user }), fails("not_found"));
  await assert.rejects(
    ask({ ...them, via: "key" }, exportUserOperation, { user: "me" }),
    fails("forbidden", /key/),
  );
  const [told] = await context.superuser(
    "SELECT user_id, entity_id FROM audit_logs WHERE action = 'user.export' AND user_id = $1",
    [operator.user_id],
  );
  assert.notEqual(told, undefined, "who took what is held about whom is told");
});

test("an organization whose database is away is told as a problem, and the rest all the same; who left is told of, too", async () => {
  const lab = await makeOrg(context);
  const them = await person(context, lab, "scientist");
  await ask(them, addMolecules, { records: [{ text: "CCCCC", format: "smiles" }] });
  await context.superuser("DELETE FROM memberships WHERE user_id = $1", [them.user_id]);
  const left = await ask({ ...them, org_id: null }, exportUserOperation, { user: "me" });
  assert.deepEqual(
    left.organizations.map(({ slug, member }) => [slug, member]),
    [[lab.slug, false]],
  );
  await context.superuser("UPDATE org_databases SET state = 'frozen' WHERE org_id = $1", [lab.org_id]);
  context.results.forget(lab.org_id);
  const away = await ask({ ...them, org_id: null }, exportUserOperation, { user: "me" });
  const [there] = away.organizations;
  assert.ok(
    there !== undefined && there.problem !== null && there.tables.length === 0,
    JSON.stringify(there),
  );
  assert.ok(away.account.length > 5);
});

test("an export, and the proof of a chain, end where nobody waits for them any more", async () => {
  const left = new AbortController();
  const gone = new Error("the asker has left");
  let looks = 0;
  // The asker leaves at the fifth look at either database.
  const metadata = Object.assign(Object.create(context.metadata), {
    system: (...given: Parameters<typeof context.metadata.system>) => {
      if (++looks === 5) left.abort(gone);
      return context.metadata.system(...given);
    },
  });
  const services = { ...context, metadata };
  const isGone = (error: unknown) => error === gone;
  const options = { signal: left.signal };
  await assert.rejects(perform(services, exportUserOperation, owner, { user: "me" }, options), isGone);
  assert.equal(looks, 5, "nothing is read for nobody");
  const told = await context.superuser(
    "SELECT 1 FROM audit_logs WHERE action = 'user.export' AND user_id = $1",
    [owner.user_id],
  );
  assert.deepEqual(told, []);
  looks = 0;
  await assert.rejects(perform(services, verifyAuditOperation, owner, {}, options), isGone);
  assert.equal(looks, 2);
});

test("an export lists so many rows of all tables together, and counts the rest", async () => {
  const them = await person(context, org, "scientist");
  for (const name of ["one", "two"]) await ask(them, createKeyOperation, { name });
  const tools: OwnTools = {
    audit: async () => {},
    find: async () => undefined,
    keep: async () => {},
    goOn: () => {},
  };
  const call = { services: context, principal: them, tools };
  const whole = await exportUser(call, { user: "me" });
  const little = await exportUser(call, { user: "me" }, 3);
  const tablesOf = ({ account, organizations }: UserExport) => [
    ...account,
    ...organizations.flatMap(({ tables }) => tables),
  ];
  assert.equal(
    tablesOf(little).reduce((sum, { rows }) => sum + rows.length, 0),
    3,
  );
  assert.deepEqual(
    tablesOf(little).map(({ table, rows, left_out }) => [table, rows.length + left_out]),
    tablesOf(whole).map(({ table, count }) => [table, count]),
  );
});
