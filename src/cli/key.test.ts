import assert from "node:assert/strict";
import { after, test } from "node:test";
import { runHere } from "../../test/cli/home.ts";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { bearer, PASSWORD, signInAs, withClock, withPassword } from "../../test/support/identity.ts";

const context = await openTestContext({ after });
const org = await makeOrg(context);
const services = await withClock(context);
const env = {
  DATABASE_URL: context.config.database_url ?? "",
  ALIQUOT_SECRET_KEY: context.secret.reveal(),
  ALIQUOT_HOME: context.home,
  ALIQUOT_ORG: org.slug,
};
const bob = await person(context, org, "viewer");
const run = (...words: string[]) => runHere(["--as", bob.username, "key", ...words], env, context.home);

test("a key is made, works, is listed without itself, and is revoked after a question", async () => {
  const made = await run("create", "laptop", "--scope", "jobs:read", "--days", "3");
  assert.equal(made.code, 0, made.stderr);
  const key = /^alq_\S+$/m.exec(made.stdout)?.[0] ?? "";
  assert.match(made.stderr, /keep it now/);
  const principal = await bearer(services, key);
  assert.deepEqual([principal.user_id, [...principal.permissions]], [bob.user_id, ["jobs:read"]]);
  const listed = await run("list", "--active");
  assert.match(listed.stdout, /laptop/);
  assert.ok(!listed.stdout.includes(key));
  const id = principal.key_id ?? "";
  assert.equal((await run("revoke", id)).code, 2, "without a terminal and without --yes");
  const revoked = await run("revoke", id, "--yes");
  assert.deepEqual([revoked.code, revoked.stdout], [0, `key ${id} (laptop) is revoked\n`]);
  assert.match((await run("list")).stdout, /revoked/);
  assert.equal(
    (await run("list", "--active")).stdout,
    "no key yet: make one with `aliquot key create NAME`\n",
  );
});

test("--json is one document with the key in it", async () => {
  const { stdout } = await run("create", "script", "--json", "--until", "2999-01-31");
  const made = JSON.parse(stdout) as { key: string; name: string; expires_at: string; scopes: null };
  assert.deepEqual([made.name, made.expires_at, made.scopes], ["script", "2999-01-31T00:00:00Z", null]);
  assert.equal((await bearer(services, made.key)).user_id, bob.user_id);
});

test("what can't be meant is said before anything is asked", async () => {
  for (const [words, message] of [
    [["create", "k", "--scope", "jobs:reed"], /Did you mean jobs:read/],
    [["create", "k", "--days", "0"], /from 1 to 3650/],
    [["create", "k", "--until", "tomorrow"], /a day or a time/],
    [["create", "k", "--days", "1", "--until", "2999-01-01"], /one of them/],
    [["revoke", "laptop"], /must be an id/],
  ] as const) {
    const ran = await run(...words);
    assert.equal(ran.code, 2, words.join(" "));
    assert.match(ran.stderr, message);
  }
  assert.equal((await run("create", "k", "--scope", "jobs:submit")).code, 4, "a viewer submits nothing");
  assert.equal((await run("revoke", bob.user_id, "--yes")).code, 3);
});

test("a password is changed with lines of standard input, and no token is an argument", async () => {
  const zoe = await withPassword(context, org, "viewer");
  const user = (words: string[], said: string[]) =>
    runHere(["--as", zoe.username, "user", ...words], env, context.home, said);
  const changed = await user(["password"], [`${PASSWORD}\nanother one `, "of zoe's\n"]);
  assert.equal(changed.code, 0, changed.stderr);
  await signInAs(services, zoe.username, { password: "another one of zoe's" });
  const made = await runHere(["user", "reset", zoe.username, "--json"], env, context.home);
  const { reset_token } = JSON.parse(made.stdout) as { reset_token: string };
  assert.equal((await user(["password", reset_token], [])).code, 2);
  assert.equal((await user(["password", "--token"], [`${reset_token}\n`])).code, 2, "no password");
  const reset = await user(["password", "--token"], [`${reset_token}\na third one of zoe's\n`]);
  assert.equal(reset.code, 0, reset.stderr);
  await signInAs(services, zoe.username, { password: "a third one of zoe's" });
});
