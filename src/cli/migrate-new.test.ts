import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { readMigrations } from "../db/migrations.ts";
import { splitStatements } from "../db/statements.ts";
import { AppError } from "../errors.ts";
import { createMigration } from "./migrate-new.ts";
import type { Out } from "./out.ts";

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "aliquot-new-"));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "results"));
  return folder;
}

async function created(folder: string, name: string): Promise<{ files: string[]; said: string }> {
  let answer = { files: [] as string[], said: "" };
  const out = {
    result: (value: { files: string[] }, human: (value: unknown) => string) => {
      answer = { files: value.files, said: human(value) };
    },
  } as unknown as Out;
  await createMigration({ out }, name, "results", folder);
  return answer;
}

test("a new migration is two files with the next number, a skeleton of comments, and what to do next", async (t) => {
  const folder = folderOf(t);
  const one = await created(folder, "assays_create");
  assert.deepEqual(
    one.files.map((file) => file.slice(folder.length)),
    ["/results/0001_assays_create.up.sql", "/results/0001_assays_create.down.sql"],
  );
  const [up = "", down = ""] = one.files.map((file) => readFileSync(file, "utf8"));
  assert.match(up, /CREATE TABLE assays \(\n-- {3}assay_id uuid/);
  assert.match(up, /CALL finish_table\('assays', .*\$\$\{ "assay_id"/);
  assert.match(down, /DROP TABLE assays;/);
  assert.deepEqual([...splitStatements(up), ...splitStatements(down)], [], "comments alone");
  assert.match(one.said, /migrate test --branch results/);
  const two = await created(folder, "assays_add_unit");
  const [text = ""] = two.files.map((file) => readFileSync(file, "utf8"));
  assert.match(text, /ALTER TABLE assays ADD COLUMN/);
  const read = await readMigrations("results", folder);
  assert.deepEqual(
    read.map(({ version, name, breaking, transaction }) => [version, name, breaking, transaction]),
    [
      [1, "assays_create", false, true],
      [2, "assays_add_unit", false, true],
    ],
  );
});

test("a name that is taken or no name is refused, and where nothing can be written that is said", async (t) => {
  const folder = folderOf(t);
  await created(folder, "assays_create");
  const refused = (kind: string, says: RegExp) => (error: unknown) =>
    error instanceof AppError && error.kind === kind && says.test(error.message);
  await assert.rejects(created(folder, "assays_create"), refused("conflict", /choose another name/));
  for (const name of ["a", "Assays", "1_assays", "assays-add", "../assays", "x".repeat(81)])
    await assert.rejects(created(folder, name), refused("usage", /is no name/), name);
  assert.equal((await readMigrations("results", folder)).length, 1);
});
