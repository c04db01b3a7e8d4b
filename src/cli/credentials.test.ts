import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { AppError } from "../errors.ts";
import { CredentialsFile } from "./credentials.ts";
import type { Credentials } from "./credentials-form.ts";
import { isServedHere } from "./down.ts";

const home = mkdtempSync(join(tmpdir(), "aliquot-credentials-"));
after(() => rmSync(home, { recursive: true, force: true }));
const path = join(home, "credentials.json");
const url = "https://aliquot.example.org";
const file = new CredentialsFile(home, url);

const org = { org_id: "1", slug: "lab", name: "Lab" };
const whole: Credentials = {
  user: { user_id: "2", username: "ann" },
  refresh_token: "r",
  refresh_expires_at: "2030-01-31T09:30:00.000Z",
  chosen: org,
  orgs: [org],
  tokens: {
    "1": { access_token: "a", expires_at: "", org },
    none: { access_token: "b", expires_at: "", org: null },
  },
};
const put = (value: unknown) =>
  writeFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
const kind = (name: string, says: RegExp) => (error: unknown) =>
  error instanceof AppError && error.kind === name && says.test(error.message);

test("what was kept is there for the next command, each API's apart, and for nobody else to read", async () => {
  assert.equal(file.read(), undefined);
  await file.locked(async ({ now, keep }) => {
    assert.equal(now(), undefined);
    keep(whole);
  });
  assert.deepEqual(file.read(), whole);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const other = new CredentialsFile(home, "https://other.example.org");
  assert.equal(other.read(), undefined);
  await other.locked(async ({ keep }) => keep({ ...whole, chosen: null }));
  await file.locked(async ({ keep }) => keep(undefined));
  assert.deepEqual([file.read(), other.read()?.chosen], [undefined, null]);
});

test("half a file, another version's and what is no session at all say: sign in again", () => {
  const { tokens: _, ...older } = whole;
  const broken = [
    ...[JSON.stringify({ [url]: whole }).slice(0, 80), "", "[]", "null", "7"],
    ...[null, "text", [], {}, older, { ...whole, chosen: undefined }, { ...whole, orgs: {} }].map((one) => ({
      [url]: one ?? null,
    })),
    { [url]: { ...whole, refresh_token: 7 } },
    { [url]: { ...whole, user: "ann" } },
    { [url]: { ...whole, tokens: { "1": { access_token: "a" } } } },
    { [url]: { ...whole, tokens: { "1": { access_token: "a", expires_at: "", org: "lab" } } } },
  ];
  for (const one of broken) {
    put(one);
    assert.throws(
      () => file.read(),
      kind("unauthenticated", /sign in again with `aliquot login`$/),
      JSON.stringify(one),
    );
  }
  put({ "https://other.example.org": "whatever", [url]: whole });
  assert.deepEqual(file.read(), whole, "another API's is none of ours");
});

test("signing in again replaces what can't be used, and keeps what others left", async () => {
  for (const [before, others] of [
    ["{half", []],
    [{ [url]: {}, "https://other.example.org": { any: "thing" } }, ["https://other.example.org"]],
  ] as const) {
    put(before);
    await file.locked(async ({ keep }) => keep(whole));
    assert.deepEqual(file.read(), whole);
    const all = JSON.parse(readFileSync(path, "utf8")) as object;
    assert.deepEqual(Object.keys(all).toSorted(), [url, ...others].toSorted());
  }
});

test("with a database that is deleted go the sessions at its own API, and at no other", async () => {
  const own = ["http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:9123"];
  const others = [url, "http://127.0.0.1:8001", "https://lab.example.org:8000"];
  put(Object.fromEntries([...own, ...others].map((one) => [one, whole])));
  const gone = await CredentialsFile.forget(home, isServedHere(["http://0.0.0.0:9123"], 8000));
  assert.deepEqual(gone, own);
  assert.deepEqual(Object.keys(JSON.parse(readFileSync(path, "utf8")) as object), others);
  put("{half");
  assert.deepEqual(await CredentialsFile.forget(home, () => true), []);
});

test("a folder that can't be written is said in a line", async () => {
  // A file where a folder would have to be: nobody may write in it, not even root.
  const none = join(home, "a file");
  writeFileSync(none, "");
  await assert.rejects(
    new CredentialsFile(join(none, "home"), url).locked(async () => {}),
    kind("unavailable", /can't be written \(ENOTDIR\)/),
  );
});
