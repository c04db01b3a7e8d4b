import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import {
  bearer,
  PASSWORD,
  signInAs,
  signInMember,
  withClock,
  withPassword,
} from "../../test/support/identity.ts";
import { until } from "../../test/support/worker.ts";
import { principalOf } from "../access/authenticate.ts";
import { ACCESS_BELIEVED_MS } from "../access/memory.ts";
import { NOBODY } from "../access/principal.ts";
import { SYSTEM_CHAIN } from "../audit/entry.ts";
import { AppError } from "../errors.ts";
import { newId, sha256 } from "../ids.ts";
import { perform } from "../perform.ts";
import { logoutSession, refreshSession, switchOrganization, whoAmI } from "./operations.ts";
import { endSessions, lockOptionalRefresh, replaceRefresh } from "./tokens-store.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const other = await makeOrg(context);
const services = await withClock(context);
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;
const refused = kind("unauthenticated");

const refresh = (refresh_token: string) => perform(services, refreshSession, NOBODY, { refresh_token });
const audited = (action: string, entityId: string) =>
  context.superuser<{ user_id: string | null; metadata: object }>(
    "SELECT user_id, metadata FROM audit_logs WHERE chain_id = $1 AND action = $2 AND entity_id = $3",
    [SYSTEM_CHAIN, action, entityId],
  );
/** Long enough that what was believed is read again. */
const later = () => {
  services.clock.ms += ACCESS_BELIEVED_MS;
};

test("a person signs in by name or address, acts where they belong with what their roles give, and it is audited", async () => {
  const ann = await withPassword(context, org, "scientist");
  const session = await signInAs(services, ann.username.toUpperCase());
  assert.deepEqual(session.org, { org_id: org.org_id, slug: org.slug, name: org.name });
  assert.deepEqual(session.orgs, [session.org]);
  assert.deepEqual([session.token_type, session.expires_in], ["Bearer", 900]);
  const principal = await bearer(services, session.access_token);
  assert.deepEqual([...principal.permissions].toSorted(), [...ann.permissions].toSorted());
  assert.deepEqual(
    [principal.user_id, principal.org_id, principal.via],
    [ann.user_id, org.org_id, "session"],
  );
  const told = await audited("auth.login", principal.session_id ?? "");
  assert.deepEqual(
    told.map(({ user_id }) => user_id),
    [ann.user_id],
  );
  assert.equal((await signInAs(services, `${ann.username}@EXAMPLE.org`)).user.user_id, ann.user_id);
  const [row] = await context.superuser("SELECT last_login_at FROM users WHERE user_id = $1", [ann.user_id]);
  assert.notEqual(row?.["last_login_at"], null);
});

test("without a header nobody asks; any other header than a bearer's whole token is refused", async () => {
  const { session } = await signInMember(services, org, "viewer");
  const token = session.access_token;
  const ask = (authorization: string | undefined) =>
    principalOf(services, { authorization, address: "192.0.2.9", request_id: "r-1" });
  assert.deepEqual(await ask(undefined), { ...NOBODY, address: "192.0.2.9" });
  assert.equal((await ask(`bearer  ${token}`)).address, "192.0.2.9");
  const bad = [
    "",
    "Bearer",
    "Bearer ",
    token,
    `Basic ${token}`,
    `Bearer ${token} ${token}`,
    `Bearer ${token},x`,
  ];
  for (const header of [...bad, `Bearer ${session.refresh_token}`, `Bearer ${token}\n`])
    await assert.rejects(ask(header), refused, header);
  services.clock.ms += 900_000;
  await assert.rejects(ask(`Bearer ${token}`), refused, "it ended");
});

test("an unknown name, a wrong password and an account without one are answered alike", async () => {
  const ann = await withPassword(context, org, "viewer");
  const without = await person(context, org, "viewer");
  const tried = [
    { username: "nobody at all", password: PASSWORD },
    { username: ann.username, password: "wrong password" },
    { username: without.username, password: PASSWORD },
  ];
  const answers = await Promise.all(
    tried.map(({ username, password }) =>
      signInAs(services, username, { password }).then(
        () => "signed in",
        (error: AppError) => `${error.kind} ${error.message}`,
      ),
    ),
  );
  assert.deepEqual(new Set(answers), new Set(["unauthenticated the name or the password is wrong"]));
  await services.signIns.idle();
  const told = await audited("auth.login_failed", ann.user_id);
  assert.deepEqual(told, [{ user_id: null, metadata: { failures_within_hour: 1 } }]);
});

test("who is disabled is told so for the right password alone", async () => {
  const ann = await withPassword(context, org, "viewer");
  await context.superuser("UPDATE users SET enabled = false WHERE user_id = $1", [ann.user_id]);
  await assert.rejects(signInAs(services, ann.username, { password: "wrong" }), refused);
  await assert.rejects(signInAs(services, ann.username), kind("forbidden"));
});

test("one acts in the organization that is named, else where one acted last, and never in another's", async () => {
  const ann = await withPassword(context, org, "scientist");
  await assert.rejects(signInAs(services, ann.username, { org: other.slug }), kind("not_found"));
  await assert.rejects(signInAs(services, ann.username, { org: "none" }), kind("not_found"));
  await context.superuser("INSERT INTO memberships (user_id, org_id) VALUES ($1, $2)", [
    ann.user_id,
    other.org_id,
  ]);
  const first = await signInAs(services, ann.username);
  assert.equal(first.org, null, "two, and neither was chosen yet");
  assert.equal(first.orgs.length, 2);
  const principal = await bearer(services, first.access_token);
  assert.deepEqual([principal.org_id, principal.permissions.size], [null, 0]);
  const switched = await perform(services, switchOrganization, principal, { org: other.name });
  assert.equal((await bearer(services, switched.access_token)).org_id, other.org_id);
  assert.equal((await refresh(first.refresh_token)).org?.org_id, other.org_id, "the session remembers");
  assert.equal((await signInAs(services, ann.username)).org?.org_id, other.org_id, "so does the next one");
  const named = await signInAs(services, ann.username, { org: org.slug });
  assert.equal(named.org?.org_id, org.org_id);
  const told = await perform(services, whoAmI, await bearer(services, named.access_token), {});
  assert.deepEqual([told.org, told.orgs.length, told.orgs], [named.org, 2, named.orgs]);
});

test("a person removed from the organization keeps the session and loses the place within 10 s", async () => {
  const { ann, session } = await signInMember(services, org, "scientist");
  const token = session.access_token;
  await bearer(services, token);
  await context.superuser("DELETE FROM memberships WHERE user_id = $1", [ann.user_id]);
  assert.equal((await bearer(services, token)).org_id, org.org_id, "believed for a moment");
  later();
  await assert.rejects(bearer(services, token), refused);
  const next = await refresh(session.refresh_token);
  assert.deepEqual([next.org, next.orgs], [null, []]);
  assert.equal((await bearer(services, next.access_token)).org_id, null);
});

for (const [how, text] of [
  ["disabled", "UPDATE users SET enabled = false WHERE user_id = $1"],
  [
    "erased",
    "UPDATE users SET enabled = false, last_login_at = NULL, hashed_password = NULL, erased_at = now() WHERE user_id = $1",
  ],
  ["deprived of a role", "DELETE FROM membership_roles WHERE user_id = $1"],
] as const)
  test(`what a token may do ends within 10 s for somebody who was ${how}, and at once where it is forgotten`, async () => {
    const { ann, session } = await signInMember(services, org, "scientist");
    const elsewhere = await signInAs(services, ann.username, { address: "192.0.2.77" });
    const may = async (token: string) =>
      (await bearer(services, token).catch(() => undefined))?.permissions.size ?? 0;
    assert.ok((await may(session.access_token)) > 0);
    assert.ok((await may(elsewhere.access_token)) > 0);
    await context.superuser(text, [ann.user_id]);
    services.clock.ms += ACCESS_BELIEVED_MS - 1;
    assert.ok((await may(session.access_token)) > 0, "it is read again too early: the memory holds nothing");
    services.clock.ms += 1;
    assert.equal(await may(session.access_token), 0);
    assert.equal(await may(elsewhere.access_token), 0);
    if (how !== "deprived of a role") await assert.rejects(refresh(session.refresh_token), refused);
  });

test("forget makes a change known at once, also against somebody who is just being looked up", async () => {
  const { ann, session } = await signInMember(services, org, "scientist");
  await bearer(services, session.access_token);
  await context.superuser("UPDATE users SET enabled = false WHERE user_id = $1", [ann.user_id]);
  services.access.forget(ann.user_id);
  await assert.rejects(bearer(services, session.access_token), refused);
});

test("a refresh token is used once: the next one goes on, an old one that comes again ends the session", async () => {
  const { ann, session } = await signInMember(services, org, "viewer");
  const second = await refresh(session.refresh_token);
  const third = await refresh(second.refresh_token);
  const principal = await bearer(services, third.access_token);
  assert.equal(new Set([session, second, third].map((one) => one.refresh_token)).size, 3);
  await assert.rejects(refresh(session.refresh_token), refused);
  await assert.rejects(refresh(third.refresh_token), refused, "the thief, or the victim, goes on");
  await assert.rejects(bearer(services, third.access_token), refused);
  const told = await audited("auth.refresh_reused", principal.session_id ?? "");
  assert.deepEqual(told, [{ user_id: null, metadata: { user_id: ann.user_id } }]);
  await signInAs(services, ann.username);
});

test("a lost answer or a second tab within ten seconds gets the same successor, and no branch; later it is a theft", async () => {
  const { session } = await signInMember(services, org, "viewer");
  const [one, two] = await Promise.all([refresh(session.refresh_token), refresh(session.refresh_token)]);
  assert.equal(one.refresh_token, two.refresh_token);
  const again = await refresh(session.refresh_token);
  assert.equal(again.refresh_token, one.refresh_token);
  assert.equal(again.refresh_expires_at, one.refresh_expires_at);
  await bearer(services, again.access_token);
  const { session_id } = await bearer(services, one.access_token);
  const [count] = await context.superuser(
    "SELECT count(*)::integer AS tokens FROM tokens WHERE family_id = $1",
    [session_id],
  );
  assert.deepEqual(count, { tokens: 2 });
  await context.superuser(
    "UPDATE tokens SET used_at = used_at - interval '11 seconds' WHERE family_id = $1 AND used_at IS NOT NULL",
    [session_id],
  );
  await assert.rejects(refresh(session.refresh_token), refused);
  await assert.rejects(refresh(one.refresh_token), refused);
});

test("a session ends 30 days after its sign-in, however often it is renewed", async () => {
  const { ann } = await signInMember(services, org, "viewer");
  // The same session, begun so much sooner: its id says when.
  const begun = async (days: number) => {
    const moved = newId(Date.now() - days * 86_400_000);
    const token = services.tokens.draw("refresh");
    await context.superuser(
      `INSERT INTO tokens (family_id, user_id, kind, token_hash, expires_at) VALUES ($1, $2, 'refresh', $3, now() + interval '30 days')`,
      [moved, ann.user_id, sha256(token)],
    );
    return token;
  };
  const late = await refresh(await begun(29));
  const left = Date.parse(late.refresh_expires_at) - Date.now();
  assert.ok(left > 23 * 3_600_000 && left <= 24 * 3_600_000, `${left} ms are left`);
  await assert.rejects(refresh(await begun(30)), refused);
});

test("an expired refresh token, an access token and any other text refresh nothing and end nothing", async () => {
  const { session } = await signInMember(services, org, "viewer");
  for (const text of [session.access_token, "alr_", "x", `${session.refresh_token}x`])
    await assert.rejects(refresh(text), refused, text);
  const { session_id } = await bearer(services, session.access_token);
  await context.superuser("UPDATE tokens SET expires_at = now() WHERE family_id = $1", [session_id]);
  await assert.rejects(refresh(session.refresh_token), refused);
});

test("leaving ends this session, with either token; leaving everywhere all of them, at once", async () => {
  const { ann, session } = await signInMember(services, org, "viewer");
  const [second, third, fourth] = [
    await signInAs(services, ann.username),
    await signInAs(services, ann.username),
    await signInAs(services, ann.username),
  ];
  await bearer(services, second.access_token);
  const leave = async (token: string | undefined, input: object) =>
    perform(services, logoutSession, token === undefined ? NOBODY : await bearer(services, token), input);
  assert.deepEqual(await leave(session.access_token, {}), { ended: 1 });
  await assert.rejects(bearer(services, session.access_token), refused);
  await assert.rejects(refresh(session.refresh_token), refused);
  assert.deepEqual(await leave(undefined, { refresh_token: second.refresh_token }), { ended: 1 });
  await assert.rejects(bearer(services, second.access_token), refused);
  assert.deepEqual(await leave(undefined, { refresh_token: second.refresh_token }), { ended: 0 }, "again");
  await assert.rejects(leave(undefined, {}), refused);
  await assert.rejects(leave(undefined, { everywhere: true }), refused);
  await assert.rejects(leave(undefined, { refresh_token: second.refresh_token, everywhere: true }), refused);
  assert.deepEqual(await leave(third.access_token, { everywhere: true }), { ended: 2 });
  for (const { access_token, refresh_token } of [third, fourth]) {
    await assert.rejects(bearer(services, access_token), refused);
    await assert.rejects(refresh(refresh_token), refused);
  }
});

test("of leaving everywhere and a refresh at once none leaves a session behind", async () => {
  const { ann, session } = await signInMember(services, org, "viewer");
  const [next] = await Promise.allSettled([
    refresh(session.refresh_token),
    context.metadata.system((tx) => endSessions(tx, ann.user_id)),
  ]);
  if (next.status === "fulfilled") await assert.rejects(refresh(next.value.refresh_token), refused);
  const open = await context.superuser("SELECT 1 FROM tokens WHERE user_id = $1 AND NOT revoked", [
    ann.user_id,
  ]);
  assert.deepEqual(open, []);
});

test("six who leave everywhere at once are all answered, and so is a refresh beside them", async () => {
  const { ann, session } = await signInMember(services, org, "viewer");
  const more = await Promise.all(Array.from({ length: 5 }, () => signInAs(services, ann.username)));
  const sessions = [session, ...more];
  const leave = ({ refresh_token }: { refresh_token: string }) =>
    perform(services, logoutSession, NOBODY, { refresh_token, everywhere: true });
  const asked = await Promise.allSettled([
    ...sessions.map(leave),
    ...sessions.map(({ refresh_token }) => refresh(refresh_token)),
  ]);
  const failed = asked.filter((one) => one.status === "rejected" && !refused(one.reason));
  assert.deepEqual(failed, [], "none waits for another that waits for it");
  const open = await context.superuser("SELECT 1 FROM tokens WHERE user_id = $1 AND NOT revoked", [
    ann.user_id,
  ]);
  assert.deepEqual(open, []);
});

test("a session that ends while it is refreshed ends with the token that is just made", async () => {
  const { ann, session } = await signInMember(services, org, "viewer");
  const asker = await bearer(services, session.access_token);
  let next = "";
  let left: Promise<unknown> = Promise.resolve();
  await context.metadata.system(async (tx) => {
    const row = await lockOptionalRefresh(tx, session.refresh_token);
    assert.ok(row);
    left = perform(services, logoutSession, asker, {});
    await until(
      "the one who leaves to wait",
      async () =>
        (
          await context.superuser(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
          )
        )[0],
    );
    next = services.tokens.successor(session.refresh_token);
    const ends_at = new Date(Date.now() + 60_000);
    await replaceRefresh(tx, row, { token: next, org_id: null, ttl_seconds: 60, ends_at });
  });
  assert.deepEqual(await left, { ended: 1 });
  await assert.rejects(refresh(next), refused, ann.username);
});

test("whoami tells who asks, where, with what, and until when", async () => {
  const { ann, session } = await signInMember(services, org, "viewer");
  const told = await perform(services, whoAmI, await bearer(services, session.access_token), {});
  assert.deepEqual(told.user, {
    user_id: ann.user_id,
    username: ann.username,
    email: `${ann.username}@example.org`,
    kind: "person",
    is_admin: false,
  });
  assert.deepEqual([told.org?.slug, told.roles, told.via], [org.slug, ["viewer"], "session"]);
  assert.deepEqual(told.permissions.toSorted(), [...ann.permissions].toSorted());
  assert.equal(Date.parse(told.expires_at ?? ""), services.clock.ms + 900_000);
  const local = await perform(services, whoAmI, context.admin_principal, {});
  assert.deepEqual([local.user.username, local.via, local.expires_at], ["admin", "local", null]);
});

test("a person's sessions beyond a hundred and what expired are not kept", async () => {
  const { ann, session } = await signInMember(services, org, "viewer");
  await context.superuser(
    `INSERT INTO tokens (user_id, kind, token_hash, expires_at)
     SELECT $1, 'refresh', encode(sha256(n::text::bytea), 'hex'), now() + CASE WHEN n > 105 THEN interval '-2 days' ELSE '1 day' END
     FROM generate_series(1, 110) AS n`,
    [ann.user_id],
  );
  await signInAs(services, ann.username);
  const [kept] = await context.superuser(
    "SELECT count(*)::integer AS tokens, count(*) FILTER (WHERE expires_at < now())::integer AS old FROM tokens WHERE user_id = $1",
    [ann.user_id],
  );
  assert.deepEqual(kept, { tokens: 101, old: 0 });
  await assert.rejects(refresh(session.refresh_token), refused, "the oldest went");
});

test("an operator of more organizations than a list has signs in where they acted last", async () => {
  const ann = await withPassword(context, org, "scientist");
  await context.superuser("UPDATE users SET is_admin = true WHERE user_id = $1", [ann.user_id]);
  await context.superuser(
    "INSERT INTO organizations (name, slug, status) SELECT '0 of many ' || n, 'many-' || n, 'active' FROM generate_series(1, 250) AS n",
  );
  try {
    const first = await signInAs(services, ann.username, { org: org.slug });
    assert.ok(first.orgs.every(({ org_id }) => org_id !== org.org_id));
    assert.equal((await signInAs(services, ann.username)).org?.org_id, org.org_id);
  } finally {
    await context.superuser("DELETE FROM organizations WHERE slug LIKE 'many-%'");
  }
});

test("each of many who ask at once with an ended session is told of as its, and none as a guess", async () => {
  const { session } = await signInMember(services, org, "viewer");
  const { session_id } = await bearer(services, session.access_token);
  await perform(services, logoutSession, NOBODY, { refresh_token: session.refresh_token });
  const told: (string | undefined)[] = [];
  const asking = {
    authorization: `Bearer ${session.access_token}`,
    ...{ address: "192.0.2.1", request_id: "r-1" },
    unknown: async (of?: string) => void told.push(of),
  };
  const answers = await Promise.allSettled(Array.from({ length: 5 }, () => principalOf(services, asking)));
  assert.ok(answers.every((answer) => answer.status === "rejected" && refused(answer.reason)));
  assert.deepEqual(told, Array(5).fill(session_id));
});
