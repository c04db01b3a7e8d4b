import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
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

async function readAll(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of pieces);
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
  await store.put(other, Buffer.from("theirs"));
  assert.equal(await store.has(org, uri), true);
  assert.equal(await store.has(other, uri), false);
  await assert.rejects(store.get(other, uri), kind("damaged"));
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
  for (const { uri } of [mine, more]) await assert.rejects(store.get(org, uri), kind("store_unavailable"));
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

test("damaged and lost bytes are told apart from a store that is away, and putting them again mends it", async (t) => {
  const { root, store } = open(t);
  const bytes = Buffer.from("a result that somebody needs");
  const { uri } = await store.put(org, bytes);
  const path = files(root)[0] ?? "";
  writeFileSync(path, bytes.toString().replace("result", "rezult"));
  const refused = async (why: RegExp, looks: boolean) => {
    const says = (error: AppError) => error.kind === "damaged" && !error.retryable && why.test(error.message);
    await assert.rejects(store.get(org, uri), says);
    await assert.rejects(readAll(store.read(org, uri)), says);
    if (looks) await assert.rejects(store.look(org, uri, bytes.length), says);
    else await store.look(org, uri, bytes.length);
  };
  await refused(/is damaged \(object:\w+ has other bytes.*: give that file again/, false);
  truncateSync(path, 3);
  await refused(/is damaged/, true);
  await store.put(org, bytes);
  assert.deepEqual(Buffer.from(await store.get(org, uri)), bytes);
  await store.look(org, uri, bytes.length);
  rmSync(path);
  await refused(/is lost/, true);
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

test("folders that another process removed are made again, and puts at the same time lose nothing", async (t) => {
  const { root, store } = open(t);
  const texts = Array.from({ length: 40 }, (_, index) => Buffer.from(`object ${index}`));
  await Promise.all(texts.map((text) => store.put(org, text)));
  await openFileStore(root).removeOrganization(org);
  const again = await Promise.all(texts.map((text) => store.put(org, text)));
  for (const [index, { uri }] of again.entries())
    assert.deepEqual(Buffer.from(await store.get(org, uri)), texts[index]);
});

const MANY = Array.from({ length: 120 }, (_, index) => Buffer.from(`one of many: ${index}`));
const isAside = (path: string) => /\/\.[^/]+$/.test(path);

test("many at once are synced together, their names only after their bytes", async (t) => {
  const { root } = open(t);
  const seen: { named: number; aside: number; put: number }[] = [];
  let put = 0;
  const store = openFileStore(root, async () => {
    const aside = files(root).filter(isAside).length;
    seen.push({ aside, named: files(root).length - aside, put });
  });
  // A folder's first object makes the folder; these make all that are needed.
  await Promise.all(MANY.map((bytes) => store.put(org, bytes)));
  const before = files(root).length;
  seen.length = 0;
  const others = MANY.map((bytes) => Buffer.concat([bytes, Buffer.from("!")]));
  for (const bytes of MANY) rmSync(join(root, org, sha256(bytes).slice(0, 2), sha256(bytes).slice(2)));
  await Promise.all([...MANY, ...others].map((bytes) => store.put(org, bytes).then(() => put++)));
  assert.equal(before, MANY.length);
  assert.ok(seen.length > 0, "some were synced together");
  const [first] = seen;
  assert.ok(first !== undefined && first.aside >= 64, "all bytes of the group were written before its sync");
  assert.equal(first.put, 0, "none is said to be stored before it");
  for (const { named, put: said } of seen) assert.ok(said <= named);
});

test("where the file system can't be synced each file is, and it isn't asked again", async (t) => {
  const { root } = open(t);
  let asked = 0;
  const store = openFileStore(root, async () => {
    asked++;
    throw new Error("sync ended with 1");
  });
  for (const mark of ["", "!", "?"]) {
    const stored = await Promise.all(
      MANY.map((bytes) => store.put(org, Buffer.concat([bytes, Buffer.from(mark)]))),
    );
    for (const { uri } of stored) assert.equal(await store.has(org, uri), true);
  }
  assert.equal(asked, 1);
  assert.equal(files(root).length, 3 * MANY.length);
});

test("a process killed at any moment leaves no wrong bytes under a name, and all that it was told of", async (t) => {
  const { root, store } = open(t);
  const script = `import { openFileStore } from ${JSON.stringify(join(import.meta.dirname, "file.ts"))};
    import { FileSystemSyncs } from ${JSON.stringify(join(import.meta.dirname, "file-system-syncs.ts"))};
    import { randomBytes } from "node:crypto"; import { writeSync } from "node:fs";
    const store = openFileStore(process.argv[1], new FileSystemSyncs().sync);
    for (;;) await Promise.all(Array.from({ length: 150 }, async () =>
      writeSync(1, (await store.put(${JSON.stringify(org)}, randomBytes(20_000))).uri + "\\n")));`;
  for (const enough of [1, 200, 420]) {
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script, root]);
    let told = "";
    for await (const text of child.stdout) {
      told += text;
      if (told.split("\n").length > enough) child.kill("SIGKILL");
    }
    const uris = told.split("\n").slice(0, -1);
    assert.ok(uris.length >= enough);
    for (const uri of uris) assert.equal(`object:${sha256(await store.get(org, uri))}`, uri);
  }
  for (const path of files(root).filter((one) => !isAside(one)))
    assert.equal(sha256(readFileSync(path)), path.split("/").slice(-2).join(""));
});

test("a store whose disk is not mounted lacks no object: it can't say", async (t) => {
  const { root, store } = open(t);
  const { uri } = await store.put(org, Buffer.from("mine"));
  for (const gone of [join(root, org), root]) {
    rmSync(gone, { recursive: true });
    await assert.rejects(store.has(org, uri), kind("store_unavailable"));
    await assert.rejects(store.get(org, uri), kind("store_unavailable"));
    await assert.rejects(readAll(store.read(org, uri)), kind("store_unavailable"));
    await assert.rejects(store.look(org, uri, 4), kind("store_unavailable"));
  }
});

test("what a killed put left aside goes after a day, and nothing else", async (t) => {
  const { root, store } = open(t);
  const { uri } = await store.put(org, Buffer.from("mine"));
  const folder = join(files(root)[0] ?? "", "..");
  const [old, young] = [join(folder, ".old"), join(folder, ".young")];
  for (const path of [old, young]) writeFileSync(path, "half");
  utimesSync(old, 0, 0);
  utimesSync(files(root).find((path) => !path.includes("/.")) ?? "", 0, 0);
  assert.equal(await store.sweep(org), 1);
  assert.deepEqual([existsSync(old), existsSync(young)], [false, true]);
  assert.equal(await store.has(org, uri), true);
  assert.equal(await store.sweep(newId()), 0, "one that put nothing yet");
});
