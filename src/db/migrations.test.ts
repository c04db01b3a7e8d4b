import assert from "node:assert/strict";
import { cp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { folderOf, migrationsOf, ONE, TWO } from "../../test/support/migrations.ts";
import { AppError } from "../errors.ts";
import { BRANCHES, migrationsFolder, readMigrations } from "./migrations.ts";

const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

const BROKEN: [what: string, files: Record<string, string>, says: RegExp][] = [
  [
    "a gap",
    { ...ONE, "0003_b_create.up.sql": "", "0003_b_create.down.sql": "" },
    /number 0003 .* gap or stands twice/,
  ],
  [
    "a number twice",
    { ...TWO, "0002_a_other.up.sql": "", "0002_a_other.down.sql": "" },
    /number 0002 .* stands twice/,
  ],
  ["no way down", { ...ONE, "0002_b_create.up.sql": "" }, /lacks its/],
  ["no way up", { ...ONE, "0002_b_create.down.sql": "" }, /lacks its/],
  [
    "a way down under another name",
    { ...ONE, "0002_b_create.up.sql": "", "0002_c_create.down.sql": "" },
    /0002_b_create.up.sql has no .down.sql/,
  ],
  ["another kind of file", { ...ONE, "notes.txt": "" }, /notes.txt is not named/],
  ["a start at 2", { "0002_b_create.up.sql": "", "0002_b_create.down.sql": "" }, /gap/],
];

for (const [what, files, says] of BROKEN) {
  test(`a folder of migrations with ${what} is refused`, async (t) => {
    await assert.rejects(
      migrationsOf(t, files),
      (error) => kind("internal")(error) && says.test(String(error)),
    );
  });
}

test("the checksum is over both files, and the marks of the first line are read", async (t) => {
  const folder = await folderOf(t, ONE);
  const [before] = await readMigrations("results", folder);
  assert.deepEqual([before?.breaking, before?.transaction], [false, true]);
  await writeFile(join(folder, "results", "0001_a_create.down.sql"), "DROP TABLE a CASCADE;");
  const [after] = await readMigrations("results", folder);
  assert.notEqual(after?.checksum, before?.checksum);
  await writeFile(join(folder, "results", "0001_a_create.up.sql"), "-- breaking, no transaction\nSELECT 1;");
  const [marked] = await readMigrations("results", folder);
  assert.deepEqual([marked?.breaking, marked?.transaction], [true, false]);
});

test("a first line that is almost a mark is refused: prose must not decide whether programs stop", async (t) => {
  const folder = await folderOf(t, ONE);
  const read = async (first: string) => {
    await writeFile(join(folder, "results", "0001_a_create.up.sql"), `${first}\nSELECT 1;`);
    const [step] = await readMigrations("results", folder);
    return [step?.breaking, step?.transaction];
  };
  assert.deepEqual(await read("-- breaking"), [true, true]);
  assert.deepEqual(await read("-- no transaction\r"), [false, false]);
  assert.deepEqual(await read("-- The new table."), [false, true]);
  for (const first of [
    "-- this is not breaking",
    "-- Breaking",
    "-- breaking: nobody reads it",
    "--breaking",
    "-- no transaction, breaking",
    "-- no-transaction",
    "-- runs in NO TRANSACTION",
  ])
    await assert.rejects(read(first), /0001_a_create.up.sql: its first line is not "-- breaking"/, first);
});

test("a copy of our own folder is read as the folder itself", async (t) => {
  const folder = await folderOf(t, {});
  for (const branch of BRANCHES) {
    await cp(join(migrationsFolder(), branch), join(folder, branch), { recursive: true });
    assert.deepEqual(await readMigrations(branch, folder), await readMigrations(branch));
  }
});
