import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { generateTypes } from "../../scripts/generate-types.ts";
import { BRANCHES } from "../../src/db/migrations.ts";

test("src/db/tables/*.ts are what the migrations make: after a change run `make types`", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "aliquot-tables-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  await generateTypes(folder);
  for (const branch of BRANCHES) {
    const checkedIn = readFileSync(new URL(`../../src/db/tables/${branch}.ts`, import.meta.url), "utf8");
    const generated = readFileSync(join(folder, `${branch}.ts`), "utf8");
    assert.ok(generated.length > 1000, `the generator wrote nothing for ${branch}`);
    assert.equal(generated, checkedIn, `src/db/tables/${branch}.ts is not what its migrations make`);
  }
});
