import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { BRANCHES, readMigrations } from "./migrations.ts";
import { placeAt, SCHEMA_MIN, schemaVerdict, windowOf } from "./window.ts";

const ROOT = join(import.meta.dirname, "..", "..");

for (const branch of BRANCHES) {
  test(`${branch}: what the code needs at least is a migration that there is, and past every breaking one`, async () => {
    const migrations = await readMigrations(branch);
    const { min, max } = windowOf(branch, migrations);
    assert.equal(max, migrations.length);
    assert.ok(min >= 1 && min <= max, `${min} of ${max}`);
    const breaking = placeAt(migrations, max).breaking_version;
    assert.ok(min >= breaking, `migration ${breaking} is breaking: raise SCHEMA_MIN to it at least`);
  });

  test(`${branch}: no store speaks of a table that came after what the code says it needs`, async () => {
    const late = (await readMigrations(branch)).slice(SCHEMA_MIN[branch]);
    const made = (text: string) => [...text.matchAll(/CREATE TABLE (\w+)/g)].map((match) => match[1] ?? "");
    const known = new Set(
      (await readMigrations(branch === "metadata" ? "results" : "metadata")).flatMap((step) => made(step.up)),
    );
    const tables = late.flatMap((step) => made(step.up).map((table) => ({ table, version: step.version })));
    for (const file of globSync("src/**/*store.ts", { cwd: ROOT })) {
      const text = readFileSync(join(ROOT, file), "utf8");
      for (const { table, version } of tables)
        if (!known.has(table))
          assert.doesNotMatch(
            text,
            new RegExp(`["' ]${table}["' ]`),
            `${file} needs ${table}: raise SCHEMA_MIN.${branch} to ${version}`,
          );
    }
  });
}

test("the verdict on a database: served from the lowest on, and above as long as nothing unknown is breaking", () => {
  const window = { min: 5, max: 8 };
  const verdict = (schema_version: number, breaking_version: number) =>
    schemaVerdict({ schema_version, breaking_version }, window);
  assert.equal(verdict(4, 0), "org_upgrading");
  assert.equal(verdict(4, 4), "org_upgrading");
  for (const version of [5, 6, 8, 9, 20]) assert.equal(verdict(version, 0), "ok", String(version));
  assert.equal(verdict(8, 8), "ok", "a breaking one that the program knows");
  assert.equal(verdict(9, 9), "app_too_old");
  assert.equal(verdict(12, 9), "app_too_old", "harmless ones after it make it no better");
});

test("where a database is that has the first so many migrations", () => {
  const steps = [false, true, false, true].map((breaking, n) => ({ version: n + 1, breaking }));
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((version) => placeAt(steps, version).breaking_version),
    [0, 0, 2, 2, 4],
  );
});
