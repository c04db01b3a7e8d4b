import assert from "node:assert/strict";
import { after, test } from "node:test";
import bcrypt from "bcryptjs";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import {
  bearer,
  PASSWORD,
  signInAs,
  signInMember,
  withClock,
  withPassword,
} from "../../test/support/identity.ts";
import { NOBODY, type Principal } from "../access/principal.ts";
import { verifyChain } from "../audit/chain.ts";
import { SYSTEM_CHAIN } from "../audit/entry.ts";
import { AppError } from "../errors.ts";
import { sha256 } from "../ids.ts";
import { openLogger } from "../log.ts";
import { createUserOperation } from "../people/operations.ts";
import { perform } from "../perform.ts";
import {
  changePasswordOperation,
  createKeyOperation,
  login,
  refreshSession,
  resetPasswordOperation,
} from "./operations.ts";
import { issueToken } from "./tokens-store.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const services = await withClock(context);
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;
const refused = kind("unauthenticated");
const OTHER = "another long password";

const change = (asker: Principal, password: string, new_password: string) =>
  perform(services, changePasswordOperation, asker, { password, new_password });
const reset = (token: string, new_password = OTHER) =>
  perform(services, resetPasswordOperation, NOBODY, { token, new_password });
const issue = (user_id: string, ttl_seconds = 3600) =>
  context.metadata.system((tx) => issueToken(tx, services.tokens, { kind: "reset", user_id, ttl_seconds }));
const hashOf = async (userId: string) => {
  const [row] = await context.superuser<{ hashed_password: string }>(
    "SELECT hashed_password FROM users WHERE user_id = $1",
    [userId],
  );
  return row?.hashed_password ?? "";
};

test("a bcrypt hash signs in, and is an Argon2id hash afterwards", async () => {
  const ann = await person(context, org, "viewer");
  const hash = await bcrypt.hash(PASSWORD, 4);
  await context.superuser("UPDATE users SET hashed_password = $2 WHERE user_id = $1", [ann.user_id, hash]);
  await assert.rejects(signInAs(services, ann.username, { password: OTHER }), refused);
  assert.equal(await hashOf(ann.user_id), hash);
  await signInAs(services, ann.username);
  assert.match(await hashOf(ann.user_id), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  await signInAs(services, ann.username);
});

test("who knows the password sets another one: this session goes on, the others end", async () => {
  const { ann, session } = await signInMember(services, org, "viewer");
  const elsewhere = await signInAs(services, ann.username, { address: "192.0.2.7" });
  const asker = await bearer(services, session.access_token);
  await bearer(services, elsewhere.access_token);
  await assert.rejects(change(asker, OTHER, "a password that is new"), kind("forbidden"));
  const told = await change(asker, PASSWORD, OTHER);
  assert.deepEqual(told, { user: { user_id: ann.user_id, username: ann.username }, ended: 1, keys: 0 });
  await bearer(services, session.access_token);
  await assert.rejects(bearer(services, elsewhere.access_token), refused);
  await assert.rejects(signInAs(services, ann.username), refused);
  await signInAs(services, ann.username, { password: OTHER });
  const audit = await context.superuser(
    "SELECT user_id, metadata FROM audit_logs WHERE chain_id = $1 AND action = 'auth.change_password' AND entity_id = $2",
    [SYSTEM_CHAIN, ann.user_id],
  );
  assert.deepEqual(audit, [{ user_id: ann.user_id, metadata: {} }]);
});

test("a new password is not short, not the person's name, and more than one letter", async () => {
  const { ann, session } = await signInMember(services, org, "viewer");
  const asker = await bearer(services, session.access_token);
  for (const poor of [
    "short",
    "aaaaaaaaaaaaaaaa",
    ann.username,
    ann.username.toUpperCase(),
    "x".repeat(1025),
  ])
    await assert.rejects(change(asker, PASSWORD, poor), kind("bad_input"), poor.slice(0, 20));
});

test("guessing a password through a session that somebody got hold of is refused as at the door", async () => {
  const { session } = await signInMember(services, org, "viewer");
  const asker = await bearer(services, session.access_token, "198.51.100.1");
  for (let n = 0; n < 30; n++)
    await assert.rejects(change(asker, `wrong guess ${n}`, OTHER), kind(n < 10 ? "forbidden" : "quota"));
  await assert.rejects(change(asker, PASSWORD, OTHER), kind("quota"));
});

test("a reset token sets a password once, ends the sessions, and is of no use after", async () => {
  const { ann, session } = await signInMember(services, org, "viewer");
  const [one, two] = [await issue(ann.user_id), await issue(ann.user_id)];
  const told = await reset(one.token);
  assert.deepEqual(told, { user: { user_id: ann.user_id, username: ann.username }, ended: 1, keys: 0 });
  await assert.rejects(bearer(services, session.access_token), refused);
  await assert.rejects(reset(one.token), refused, "again");
  await assert.rejects(reset(two.token), refused, "another one of the same person");
  await signInAs(services, ann.username, { password: OTHER });
});

test("a reset revokes the person's API keys unless they are to stay, a change only where it is said", async () => {
  const { ann, session } = await signInMember(services, org, "viewer");
  const colleague = await withPassword(services, org, "viewer");
  const asker = await bearer(services, session.access_token);
  const make = async (who: Principal) =>
    (await perform(services, createKeyOperation, who, { name: "k" })).key ?? "";
  const others = await make(colleague);
  const works = (key: string) =>
    bearer(services, key).then(
      () => true,
      () => false,
    );
  const kept = await make(asker);
  assert.equal((await change(asker, PASSWORD, OTHER)).keys, 0);
  assert.ok(await works(kept));
  const told = await perform(services, changePasswordOperation, asker, {
    password: OTHER,
    new_password: PASSWORD,
    revoke_keys: true,
  });
  assert.deepEqual([told.keys, await works(kept)], [1, false], "at once");
  const next = await make(asker);
  const { token } = await issue(ann.user_id);
  const input = { token, new_password: OTHER, keep_keys: true };
  assert.equal((await perform(services, resetPasswordOperation, NOBODY, input)).keys, 0);
  assert.ok(await works(next));
  assert.equal((await reset((await issue(ann.user_id)).token, PASSWORD)).keys, 1);
  assert.deepEqual([await works(next), await works(others)], [false, true]);
  const audit = await context.superuser(
    "SELECT metadata FROM audit_logs WHERE action = 'auth.reset' AND entity_id = $1 ORDER BY seq",
    [ann.user_id],
  );
  assert.deepEqual(audit, [{ metadata: {} }, { metadata: { keys: 1 } }]);
});

test("of two who redeem one token at once one is refused", async () => {
  const ann = await withPassword(services, org, "viewer");
  const { token } = await issue(ann.user_id);
  const ended = await Promise.allSettled([
    reset(token, "the first of them"),
    reset(token, "the second of them"),
  ]);
  assert.deepEqual(ended.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
});

test("a token that is revoked while the new password is hashed changes nothing", async () => {
  const ann = await withPassword(services, org, "viewer");
  const before = await hashOf(ann.user_id);
  const { token, token_id } = await issue(ann.user_id);
  const passwords = Object.assign(Object.create(services.passwords), {
    async hash(text: string) {
      await context.superuser("UPDATE tokens SET revoked = true WHERE token_id = $1", [token_id]);
      return services.passwords.hash(text);
    },
  });
  const input = { token, new_password: OTHER };
  await assert.rejects(perform({ ...services, passwords }, resetPasswordOperation, NOBODY, input), refused);
  assert.equal(await hashOf(ann.user_id), before);
});

test("an expired, foreign or made-up token resets nothing, nor one of somebody disabled; and nothing is hashed for it", async () => {
  const ann = await withPassword(services, org, "viewer");
  const before = await hashOf(ann.user_id);
  const { session } = await signInMember(services, org, "viewer");
  const late = await issue(ann.user_id);
  await context.superuser("UPDATE tokens SET expires_at = now() WHERE token_id = $1", [late.token_id]);
  const blind = { ...services, passwords: undefined as never };
  for (const token of [late.token, session.refresh_token, services.tokens.draw("reset"), "x"])
    await assert.rejects(
      perform(blind, resetPasswordOperation, NOBODY, { token, new_password: OTHER }),
      refused,
    );
  const { token } = await issue(ann.user_id);
  await context.superuser("UPDATE users SET enabled = false WHERE user_id = $1", [ann.user_id]);
  await assert.rejects(reset(token), refused);
  assert.equal(await hashOf(ann.user_id), before);
});

test("an attacker from anywhere locks nobody out: known networks go on, strangers with the password wait", async () => {
  const { ann } = await signInMember(services, org, "viewer");
  for (let n = 0; n < 25; n++)
    await assert.rejects(
      signInAs(services, ann.username, { password: "wrong", address: `203.0.113.${n}` }),
      refused,
    );
  services.waits.length = 0;
  await signInAs(services, ann.username);
  assert.deepEqual(services.waits, []);
  await signInAs(services, ann.username, { address: "198.51.100.9" });
  assert.equal(services.waits.length, 1);
  await signInAs(services, ann.username, { address: "198.51.100.9" });
  assert.equal(services.waits.length, 1, "known from now on");
  await services.signIns.idle();
  const told = await context.superuser<{ metadata: { failures_within_hour: number } }>(
    "SELECT metadata FROM audit_logs WHERE action = 'auth.login_failed' AND entity_id = $1 ORDER BY (metadata ->> 'failures_within_hour')::integer",
    [ann.user_id],
  );
  assert.deepEqual(
    told.map(({ metadata }) => metadata.failures_within_hour),
    [1, 5, 10, 20],
  );
});

test("a wrong password says by no count who there is, what else they are called, or where they signed in", async () => {
  const { ann } = await signInMember(services, org, "viewer");
  const { signIns, clock } = services;
  const tried: string[] = [];
  const answers = async (username: string, address: string) => {
    const told: string[] = [];
    for (let n = 0; n < 12; n++)
      await signInAs(services, username, { password: `wrong ${n}`, address }).catch(
        ({ kind, message, retry_after_s }: AppError) => told.push(`${kind} ${message} ${retry_after_s}`),
      );
    tried.push(username);
    return told;
  };
  // One after the other in one place: what was tried of one name must not count for another one of the same person.
  const home = await answers(ann.username, "192.0.2.1");
  const email = await answers(`${ann.username}@example.org`, "192.0.2.1");
  clock.ms += 15 * 60_000;
  const missing = await answers("nobody-has-this-name", "192.0.2.1");
  const away = await answers(ann.username.toUpperCase(), "198.51.100.44");
  assert.equal(home.filter((answer) => answer.startsWith("unauthenticated")).length, 10, tried.join());
  assert.deepEqual([email, missing], [home, home]);
  assert.deepEqual(
    away.map((answer) => answer.split(" ")[0]),
    home.map((answer) => answer.split(" ")[0]),
  );
  clock.ms += 15 * 60_000;
  for (let n = 0; n < 12; n++)
    await assert.rejects(signInAs(services, ann.username, { password: "wrong" }), AppError);
  await signInAs(services, ann.username);
  await signIns.idle();
});

test("an address of IPv6 counts with its network, so that a provider's customer has no 2^64 of them", async () => {
  const ann = await withPassword(services, org, "viewer");
  const from = (n: number) => ({ password: "wrong", address: `2001:db8:0:1::${n}` });
  for (let n = 0; n < 10; n++) await assert.rejects(signInAs(services, ann.username, from(n)), refused);
  await assert.rejects(signInAs(services, ann.username, from(11)), kind("quota"));
  await signInAs(services, ann.username, { address: "2001:db8:0:2::1" });
});

test("no secret is in any row, in the log, or in what is kept for a repeated request", async (t) => {
  const lines: string[] = [];
  const log = openLogger("debug", 2);
  for (const level of ["debug", "info", "warn", "error"] as const)
    t.mock.method(
      log,
      level,
      (fields: object, text: string) => void lines.push(JSON.stringify([fields, text])),
    );
  const logged = { ...services, log };
  const { ann, session } = await signInMember(logged, org, "scientist");
  const { refresh_token } = session;
  const next = await perform(logged, refreshSession, NOBODY, { refresh_token });
  const asker = await bearer(services, next.access_token);
  const made = await perform(logged, createKeyOperation, asker, { name: "k" }, { idempotencyKey: "kept" });
  const { token } = await issue(ann.user_id);
  const born = {
    username: `born-${process.pid}`,
    email: "born@example.org",
    password: "a first password, given",
  };
  await perform(logged, createUserOperation, context.admin_principal, born, { idempotencyKey: "born" });
  await assert.rejects(signInAs(logged, ann.username, { password: "a wrong password, typed once" }), refused);
  await assert.rejects(
    perform(logged, login, NOBODY, { username: "a password typed as a name", password: "x" }),
    refused,
  );
  await assert.rejects(bearer(logged, `${session.access_token.slice(0, -3)}xyz`), refused);
  await perform(logged, refreshSession, NOBODY, { refresh_token });
  await change(asker, PASSWORD, "the last password of all");
  await logged.signIns.idle();
  const secrets = {
    access: session.access_token,
    signature: session.access_token.split(".")[2] ?? "",
    refresh: session.refresh_token,
    successor: next.refresh_token,
    key: made.key ?? "",
    reset: token,
    password: PASSWORD,
    changed: "the last password of all",
    wrong: "a wrong password, typed once",
    name: "a password typed as a name",
    first: born.password,
    // What everybody can compute who guesses the password: the rest of the request is known.
    hash: sha256(
      JSON.stringify({
        input: { email: born.email, password: born.password, username: born.username },
        org_id: null,
      }),
    ),
    bare: sha256(born.password),
  };
  const tables = await context.superuser<{ name: string }>(
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'",
  );
  assert.ok(tables.length > 20);
  const places: Record<string, string> = { log: lines.join("\n") };
  for (const { name } of tables) {
    const [row] = await context.superuser<{ all: string | null }>(
      `SELECT string_agg(t::text, ' ') AS all FROM ${name} AS t`,
    );
    places[name] = row?.all ?? "";
  }
  assert.ok(places["api_keys"]?.includes(made.prefix), "the search finds nothing at all");
  assert.match(lines.join("\n"), /a sign-in failed/);
  for (const [place, all] of Object.entries(places))
    for (const [what, secret] of Object.entries(secrets)) {
      assert.ok(secret.length > 8, what);
      assert.ok(!all.includes(secret), `${what} is in ${place}`);
    }
  const [kept] = await context.superuser<{ answer: object }>(
    "SELECT answer FROM idempotency_keys WHERE principal_id = $1",
    [ann.user_id],
  );
  assert.deepEqual(kept?.answer, { ...made, key: null });
  for (const chain of [SYSTEM_CHAIN, org.org_id]) {
    const report = await context.metadata.system((tx) => verifyChain(tx, chain));
    assert.equal(report.first_bad_seq, null);
  }
});
