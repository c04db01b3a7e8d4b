import assert from "node:assert/strict";
import { after, test } from "node:test";
import { person } from "../../test/support/context.ts";
import { openLab } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { perform } from "../perform.ts";
import { addStructure, listStructures, showStructure } from "./operations.ts";

const { context, org, scientist } = await openLab({ after });
const colleague = await person(context, org, "scientist");
const WATER = "3\nwater\nO 0 0 0.119\nH 0 0.763 -0.477\nH 0 -0.763 -0.477\n";
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

const add = (text: string | Uint8Array, more: object = {}, who = scientist) =>
  perform(context, addStructure, who, {
    file_name: "water.xyz",
    format: "xyz",
    content_base64: Buffer.from(text).toString("base64"),
    ...more,
  });
const rows = async () =>
  (await context.superuser("SELECT count(*) AS n FROM structures", [], org.database_name))[0]?.["n"];

test("a structure comes back with the bytes it was given, its hash and its place", async () => {
  const row = await add(WATER, { charge: 0, multiplicity: 1 });
  assert.deepEqual(
    [row.kind, row.format, row.name, row.source, row.charge, row.multiplicity],
    ["conformer", "xyz", "water.xyz", "upload:water.xyz", 0, 1],
  );
  assert.equal(row.size_bytes, Buffer.byteLength(WATER));
  const shown = await perform(context, showStructure, scientist, { structure_id: row.structure_id });
  assert.equal(shown.content, WATER);
  const again = await add(WATER.replace("water", "another comment"));
  assert.equal(again.geometry_hash, row.geometry_hash, "the geometry is the same whatever the comment");
  assert.notEqual(again.checksum, row.checksum);
});

/** The same water, so many times as large. */
const scaled = (factor: number) =>
  WATER.replace(/-?\d\.\d+/g, (number) => (Number(number) * factor).toFixed(6));

test("coordinates that are not in Å are refused with a word on units; what needs no bonds is taken", async () => {
  const before = await rows();
  for (const factor of [1 / 0.529177, 100])
    await assert.rejects(add(scaled(factor)), /near enough for a bond .*read as Å, bohr times 0\.529177/);
  await assert.rejects(add(scaled(0.1)), /at least 0\.4 Å is needed/);
  const grid = Array.from({ length: 2000 }, (_, n) => `H ${(n % 100) * 5} ${Math.floor(n / 100) * 5} 0`);
  await assert.rejects(add(`2000\n\n${grid.join("\n")}\n`), /the nearest are 5\.00 Å apart/);
  assert.equal(await rows(), before);
  await add("3\nargon\nAr 0 0 0\nAr 3.8 0 0\nAr 0 3.8 0\n");
  await add("2\nstretched\nH 0 0 0\nH 0 0 3\n");
});

const BAD: [what: string, content: string | Uint8Array][] = [
  ["nothing", ""],
  ["text that is no XYZ", "hello"],
  ["a count that is wrong", "4\n\nO 0 0 0\n"],
  ["no atoms", "0\n\n"],
  ["a negative count", "-1\n\n"],
  ["a number that is none", "1\n\nO 0 0 NaN\n"],
  ["an infinite number", "1\n\nO 0 0 Infinity\n"],
  ["an unknown element", "1\n\nXx 0 0 0\n"],
  ["two atoms in one place", "2\n\nO 0 0 0\nO 0 0 0\n"],
  ["bytes that are no UTF-8", new Uint8Array([0x31, 0x0a, 0x0a, 0xff, 0xfe, 0x20, 0x30, 0x0a])],
  ["a NUL", "1\n\nO\u0000 0 0 0\n"],
];

for (const [what, content] of BAD) {
  test(`a file with ${what} is refused with a reason, and nothing is written`, async () => {
    const before = await rows();
    await assert.rejects(
      add(content),
      (error) =>
        (kind("bad_input")(error) || kind("engine_refused")(error)) && (error as Error).message.length > 10,
    );
    assert.equal(await rows(), before);
  });
}

test("a multiplicity that the electrons can't have is refused when the file comes", async () => {
  await assert.rejects(
    add(WATER, { multiplicity: 2 }),
    (error: AppError) => error.code === "electron_parity",
  );
  await assert.rejects(
    add(WATER, { charge: 1, multiplicity: 1 }),
    (error: AppError) => error.code === "electron_parity",
  );
});

test("a file name is a name and never a path", async () => {
  const name = "../../etc/passwd";
  const row = await add(WATER, { file_name: name });
  assert.equal(row.name, name);
  assert.match(row.uri, /^object:[0-9a-f]{64}$/);
});

test("a private structure is its owner's; lists page without repeating", async () => {
  const row = await add(WATER, { visibility: "private" });
  const missing = (error: unknown) => kind("not_found")(error) && /no such structure/.test(String(error));
  await assert.rejects(
    perform(context, showStructure, colleague, { structure_id: row.structure_id }),
    missing,
  );
  await assert.rejects(perform(context, showStructure, colleague, { structure_id: newId() }), missing);
  const list = async (who = scientist) => {
    const seen: string[] = [];
    let cursor: string | null | undefined;
    do {
      const page = await perform(context, listStructures, who, {
        limit: 2,
        ...(cursor == null ? {} : { cursor }),
      });
      seen.push(...page.items.map((item) => item.structure_id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    assert.equal(new Set(seen).size, seen.length);
    return seen;
  };
  const [mine, theirs] = [await list(), await list(colleague)];
  assert.ok(mine.includes(row.structure_id) && !theirs.includes(row.structure_id));
  assert.equal(mine.length, theirs.length + 1);
});
