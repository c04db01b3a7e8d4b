import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openTestContext } from "../../test/support/context.ts";
import { verifyPassword } from "../access/passwords.ts";
import { Secret } from "../secrets.ts";
import { type FirstPassword, resetPassword, setFirstPassword } from "./admin.ts";

const context = await openTestContext({ after });
const set = (given: string | undefined, draw = true) =>
  setFirstPassword(context.metadata, { given: given === undefined ? undefined : new Secret(given), draw });
const stored = async () =>
  (
    await context.superuser<{ hashed_password: string | null }>(
      "SELECT hashed_password FROM users WHERE username = 'admin'",
    )
  )[0]?.hashed_password ?? null;
const forget = () => context.superuser("UPDATE users SET hashed_password = NULL");

test("a fresh admin has no password, and gets none where none was asked for", async () => {
  assert.equal(await stored(), null);
  assert.deepEqual(await set(undefined, false), { state: "none" });
  assert.equal(await stored(), null);
});

test("a drawn one is told once, is long, and is stored as Argon2id alone", async () => {
  const first = await set(undefined);
  assert.ok(first.state === "drawn");
  const text = first.password.reveal();
  assert.ok(text.length >= 20, text);
  const hash = await stored();
  assert.match(hash ?? "", /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.ok(await verifyPassword(text, hash));
  assert.deepEqual(await set(undefined), { state: "kept", other: false });
  assert.equal(await stored(), hash);
  const everywhere = await context.superuser(
    "SELECT a::text AS row FROM audit_logs a UNION ALL SELECT u::text FROM users u",
  );
  assert.doesNotMatch(JSON.stringify(everywhere), new RegExp(text));
  assert.doesNotMatch(JSON.stringify(first), new RegExp(text), "it prints itself");
});

test("one from the environment is taken, and never replaces one that is there", async () => {
  await forget();
  assert.deepEqual(await set("chosen by the operator"), { state: "given" });
  const hash = await stored();
  assert.ok(await verifyPassword("chosen by the operator", hash));
  assert.deepEqual(await set("chosen by the operator"), { state: "kept", other: false });
  assert.deepEqual(await set("chosen by somebody else"), { state: "kept", other: true });
  assert.equal(await stored(), hash);
  assert.deepEqual(
    await context.superuser(
      "SELECT metadata, entity_type FROM audit_logs WHERE action = 'user.set_password' ORDER BY seq",
    ),
    [
      { metadata: { chosen: "drawn" }, entity_type: "user" },
      { metadata: { chosen: "given" }, entity_type: "user" },
    ],
  );
});

test("of four at once one draws it, and only that one is told", async () => {
  await forget();
  const all: FirstPassword[] = await Promise.all([
    set(undefined),
    set(undefined),
    set(undefined),
    set(undefined),
  ]);
  const drawn = all.filter((one) => one.state === "drawn");
  assert.equal(drawn.length, 1);
  assert.ok(await verifyPassword(drawn[0]?.password.reveal() ?? "", await stored()));
});

test("a reset replaces whatever there is, by a drawn one or a given one, and is audited", async () => {
  const before = await stored();
  const drawn = await resetPassword(context.metadata, undefined);
  assert.ok(drawn.state === "drawn");
  assert.ok(await verifyPassword(drawn.password.reveal(), await stored()));
  assert.notEqual(await stored(), before);
  assert.deepEqual(await resetPassword(context.metadata, new Secret("chosen once more")), { state: "given" });
  assert.ok(await verifyPassword("chosen once more", await stored()));
  assert.deepEqual(
    await context.superuser(
      "SELECT metadata FROM audit_logs WHERE action = 'user.reset_password' ORDER BY seq",
    ),
    [{ metadata: { chosen: "drawn" } }, { metadata: { chosen: "given" } }],
  );
});
