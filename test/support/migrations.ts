import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Migration, readMigrations } from "../../src/db/migrations.ts";

/** A folder of migrations that a test alone has; it goes when the test ends. */
export async function folderOf(t: TestContext, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "aliquot-migrations-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "results"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, "results", name), text);
  return folder;
}

/** The same, read. */
export async function migrationsOf(t: TestContext, files: Record<string, string>): Promise<Migration[]> {
  return readMigrations("results", await folderOf(t, files));
}

export const ONE = {
  "0001_a_create.up.sql": "CREATE TABLE a (x int);",
  "0001_a_create.down.sql": "DROP TABLE a;",
};
export const TWO = {
  ...ONE,
  "0002_b_create.up.sql": "CREATE TABLE b (x int);",
  "0002_b_create.down.sql": "DROP TABLE b;",
};
