import assert from "node:assert/strict";
import { test } from "node:test";
import { testMigrations } from "../../src/db/migrate-test.ts";
import { BRANCHES, readMigrations } from "../../src/db/migrations.ts";
import { rolesOf } from "../../src/db/roles.ts";
import { testServer } from "../support/server.ts";

for (const branch of BRANCHES) {
  test(`${branch}: every migration goes up, down and up again with rows in every table`, async () => {
    const { admin } = await testServer();
    const found = await testMigrations(admin, rolesOf("aliquot_"), branch, await readMigrations(branch));
    assert.deepEqual(found.differences, []);
    assert.ok(
      found.rows >= found.tables && found.tables > 10,
      `${found.rows} rows in ${found.tables} tables`,
    );
  });
}
