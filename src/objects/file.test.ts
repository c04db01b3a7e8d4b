import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { AppError } from "../errors.ts";
import { newId, sha256 } from "../ids.ts";
import { openFileStore } from "./file.ts";

const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;
const org = newId();

function open(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "aliquot-objects-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return { root, store: openFileStore(root) };
}

const files = (root: string) =>
  readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test("bytes come back as they were, named by their hash", async (t) => {
  const { store } = open(t);
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 2000 }), async (bytes) => {
      const stored = await store.put(org, bytes);
      assert.deepEqual(stored, {
        uri: `object:${sha256(bytes)}`,
        size_bytes: bytes.length,
        checksum: `sha256:${sha256(bytes)}`,
      });
      assert.deepEqual(new Uint8Array(await store.get(org, stored.uri)), bytes);
    }),
    { numRuns: 25 },
  );
});

test("the same bytes stored twenty times at once are one object, with nothing left aside", async (t) => {
  const { root, store } = open(t);
  const bytes = new Uint8Array(100_000).fill(7);
  const stored = await Promise.all(Array.from({ length: 20 }, () => store.put(org, bytes)));
  assert.equal(new Set(stored.map((one) => one.uri)).size, 1);
  const found = files(root);
  assert.equal(found.length, 1);
  assert.equal(statSync(found[0] ?? "").mode & 0o777, 0o600);
});

test("an organization finds nothing of another's", async (t) => {
  const { store } = open(t);
  const { uri } = await store.put(org, Buffer.from("mine"));
  const other = newId();
  assert.equal(await store.has(org, uri), true);
  assert.equal(await store.has(other, uri), false);
  await assert.rejects(store.get(other, uri), kind("not_found"));
});

test("an organization's objects are removed for good, twice if need be, and nobody else's", async (t) => {
  const { root, store } = open(t);
  const other = newId();
  const [mine, more, theirs] = [
    await store.put(org, Buffer.from("mine")),
    await store.put(org, Buffer.from("more")),
    await store.put(other, Buffer.from("theirs")),
  ];
  await store.removeOrganization(org);
  await store.removeOrganization(org);
  for (const { uri } of [mine, more]) assert.equal(await store.has(org, uri), false);
  assert.equal(await store.has(other, theirs.uri), true);
  assert.equal(files(root).length, 1);
  for (const id of ["", ".", "..", `${other}/..`])
    await assert.rejects(store.removeOrganization(id), kind("not_found"), id);
  assert.equal(files(root).length, 1);
  await store.put(org, Buffer.from("mine"));
  assert.equal(await store.has(org, mine.uri), true, "it may begin anew");
});

test("an address or an organization that is no hash and no id never becomes a path", async (t) => {
  const { root, store } = open(t);
  writeFileSync(join(root, "outside"), "secret");
  const bad = [
    "",
    "object:",
    "object:../outside",
    `object:${"A".repeat(64)}`,
    `object:${"0".repeat(63)}/`,
    "file:///etc/passwd",
    `object:${"0".repeat(64)}\n`,
  ];
  for (const uri of bad) {
    await assert.rejects(store.get(org, uri), kind("not_found"), uri);
    await assert.rejects(store.has(org, uri), kind("not_found"), uri);
  }
  for (const id of ["", "..", "../..", `${org}/..`])
    await assert.rejects(store.put(id, Buffer.from("x")), kind("not_found"), id);
  assert.deepEqual(files(root), [join(root, "outside")]);
});

test("damaged bytes are never handed out, and putting a cut object again mends it", async (t) => {
  const { root, store } = open(t);
  const bytes = Buffer.from("a result that somebody needs");
  const { uri } = await store.put(org, bytes);
  const path = files(root)[0] ?? "";
  writeFileSync(path, bytes.toString().replace("result", "rezult"));
  await assert.rejects(store.get(org, uri), kind("store_unavailable"));
  truncateSync(path, 3);
  await assert.rejects(store.get(org, uri), kind("store_unavailable"));
  await store.put(org, bytes);
  assert.deepEqual(Buffer.from(await store.get(org, uri)), bytes);
});

test("no bytes are no object, and a store that can't be written says so", async (t) => {
  const { root, store } = open(t);
  await assert.rejects(store.put(org, new Uint8Array()), kind("bad_input"));
  const file = join(root, "file");
  writeFileSync(file, "");
  await assert.rejects(openFileStore(file).put(org, Buffer.from("x")), kind("store_unavailable"));
});
