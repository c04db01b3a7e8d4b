import assert from "node:assert/strict";
import { test } from "node:test";
import { ask, testServer } from "../../test/support/server.ts";
import { newId } from "../ids.ts";
import { withClient } from "./connect.ts";
import { ident, rolesOf } from "./roles.ts";
import { withScratchDatabase } from "./scratch.ts";

const roles = rolesOf("aliquot_");

/** The name of a scratch database that was made so many hours ago. */
function nameOf(kind: string, hours: number): string {
  const made = (Date.now() - hours * 60 * 60 * 1000).toString(16).padStart(12, "0");
  return `${kind}_${made}${newId().replaceAll("-", "").slice(12)}`;
}

test("a scratch database is closed to strangers, and what a killed run left is dropped an hour later", async (t) => {
  const { admin, superuser } = await testServer();
  const names = [
    nameOf("scratch", 2),
    nameOf("migrate_test", 2),
    nameOf("scratch", 0.5),
    nameOf("scratch", 2),
  ];
  const foreign = nameOf("scratch", 2);
  for (const name of names)
    await ask(admin, admin.database, `CREATE DATABASE ${name} OWNER ${ident(roles.owner)}`);
  await ask(superuser, "postgres", `CREATE DATABASE ${foreign}`);
  t.after(async () => {
    for (const name of [...names, foreign])
      await ask(superuser, "postgres", `DROP DATABASE IF EXISTS ${name}`);
  });
  const [, , young, used = ""] = names;
  const rights = await withClient({ ...superuser, database: used }, "aliquot tests", () =>
    withScratchDatabase(admin, roles, "scratch", async (client) => {
      const found = await client.query(
        "SELECT has_database_privilege('public', current_database(), 'CONNECT') AS enter, has_database_privilege('public', current_database(), 'TEMP') AS temp",
      );
      return found.rows[0];
    }),
  );
  assert.deepEqual(rights, { enter: false, temp: false });
  const left = await ask<{ name: string }>(
    superuser,
    "postgres",
    "SELECT datname AS name FROM pg_database WHERE datname = ANY ($1) ORDER BY datname",
    [[...names, foreign]],
  );
  assert.deepEqual(
    left.map(({ name }) => name),
    [young, used, foreign].toSorted(),
  );
});
