import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { inspect } from "node:util";
import { AppError } from "./errors.ts";
import { openLogger } from "./log.ts";
import { derivePassword, Secret, secretKey } from "./secrets.ts";

const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "aliquot-secret-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test("a secret prints as [secret] wherever it is shown", () => {
  const secret = new Secret("hunter2");
  const shown = [
    `${secret}`,
    String(secret),
    JSON.stringify({ secret }),
    inspect({ deep: { secret } }, { depth: 9, showHidden: true }),
    `${inspect(secret)}`,
  ];
  for (const text of shown) {
    assert.match(text, /\[secret\]/);
    assert.doesNotMatch(text, /hunter2/);
  }
  assert.deepEqual(Object.keys(secret), []);
  assert.equal(secret.reveal(), "hunter2");
});

test("the log replaces secrets and structures at the depths that we use", (t) => {
  const file = join(folder(t), "log");
  const log = openLogger("info", file);
  log.info(
    {
      password: "hunter2",
      request: { token: "hunter2", smiles: "hunter2" },
      job: { input: { inchi: "hunter2" } },
      secret: new Secret("hunter2"),
    },
    "said",
  );
  log.debug({}, "hunter2 below the level");
  const text = readFileSync(file, "utf8");
  assert.doesNotMatch(text, /hunter2/);
  assert.match(text, /said/);
});

test("the key of a home is made once, for its owner alone, and is the same ever after", (t) => {
  const home = folder(t);
  const key = secretKey({}, home).reveal();
  assert.ok(key.length >= 43);
  assert.equal(statSync(join(home, "secret")).mode & 0o777, 0o600);
  assert.equal(secretKey({}, home).reveal(), key);
  assert.deepEqual(readdirSync(home), ["secret"], "nothing is left aside");
  assert.notEqual(secretKey({}, folder(t)).reveal(), key);
});

test("the environment's key comes before the home's, and a file's after the variable's", (t) => {
  const home = folder(t);
  const given = "g".repeat(32);
  const file = join(home, "key");
  writeFileSync(file, `${"f".repeat(40)}\n`);
  assert.equal(secretKey({ ALIQUOT_SECRET_KEY: given }, home).reveal(), given);
  assert.equal(secretKey({ ALIQUOT_SECRET_KEY_FILE: file }, home).reveal(), "f".repeat(40));
  assert.equal(secretKey({ ALIQUOT_SECRET_KEY: given, ALIQUOT_SECRET_KEY_FILE: file }, home).reveal(), given);
  assert.deepEqual(readdirSync(home), ["key"], "no other key was made");
});

test("a short key, a key file that is not there and a home that can't keep one are refused, without the key", (t) => {
  assert.throws(
    () => secretKey({ ALIQUOT_SECRET_KEY: "hunter2" }, "/"),
    (error) => kind("usage")(error) && !/hunter2/.test(String(error)),
  );
  assert.throws(() => secretKey({ ALIQUOT_SECRET_KEY_FILE: "/no/such" }, "/"), kind("usage"));
  const file = join(folder(t), "a-file");
  writeFileSync(file, "");
  assert.throws(() => secretKey({}, file), kind("unavailable"));
});

test("an empty secret file is no key", {}, (t) => {
  const home = folder(t);
  writeFileSync(join(home, "secret"), "\n");
  assert.throws(() => secretKey({}, home), kind("unavailable"));
});

test("derived passwords differ by key and by purpose, and repeat", () => {
  const [one, two] = [new Secret("a".repeat(32)), new Secret("b".repeat(32))];
  const made = [derivePassword(one, "x"), derivePassword(one, "y"), derivePassword(two, "x")].map((secret) =>
    secret.reveal(),
  );
  assert.equal(new Set(made).size, 3);
  assert.equal(derivePassword(one, "x").reveal(), made[0]);
  assert.equal(made[0]?.length, 43);
});
