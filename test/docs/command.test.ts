import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { runHere } from "../cli/home.ts";
import { databaseUrl, testServer } from "../support/server.ts";

const server = await testServer();
const folder = mkdtempSync(join(tmpdir(), "aliquot-docs-"));
after(() => rmSync(folder, { recursive: true, force: true }));
// A server of one's own with a database that nobody prepared: no schema, no organization.
const env = {
  ALIQUOT_HOME: join(folder, "home"),
  DATABASE_URL: databaseUrl(server.admin, server.admin.database),
};
const docs = (...words: string[]) => runHere(["docs", ...words], env, folder);

test("aliquot docs writes the reference, and --check says whether it is still so and writes nothing", async () => {
  const made = await docs("--to", "out");
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /schema\.md: written/);
  assert.deepEqual(readdirSync(join(folder, "out"), { recursive: true }).toSorted(), [
    "schema",
    "schema.md",
    "schema/metadata.md",
    "schema/results.md",
  ]);
  const file = join(folder, "out", "schema.md");
  writeFileSync(file, readFileSync(file, "utf8").replace("# Database schema", "# Schema"));
  const checked = await docs("--json", "--to", "out", "--check");
  const { items, next_cursor } = JSON.parse(checked.stdout) as {
    items: { state: string }[];
    next_cursor: null;
  };
  assert.deepEqual(
    [checked.code, items.map(({ state }) => state), next_cursor],
    [1, ["differs", "same", "same"], null],
  );
  assert.match(checked.stderr, /run the same without --check/);
  assert.match(readFileSync(file, "utf8"), /^# Schema$/m);
});

test("without a folder it answers what the schema is made of; --check needs one", async () => {
  const { stdout } = await docs("--json");
  const { items } = JSON.parse(stdout) as { items: { branch: string; tables: { name: string }[] }[] };
  assert.deepEqual(
    items.map(({ branch, tables }) => [branch, tables.some(({ name }) => name === "schema_migrations")]),
    [
      ["metadata", true],
      ["results", true],
    ],
  );
  const nowhere = await docs("--check");
  assert.deepEqual([nowhere.code, /--to FOLDER/.test(nowhere.stderr)], [2, true]);
});
