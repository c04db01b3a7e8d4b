import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext as NodeTest, test } from "node:test";
import type pg from "pg";
import { describeSchema } from "../../test/support/describe-schema.ts";
import { ask, testServer } from "../../test/support/server.ts";
import { AppError } from "../errors.ts";
import { withClient } from "./connect.ts";
import { migrateDown, migrateUp, readLedger } from "./migrate.ts";
import { BRANCHES, type Branch, type Migration, migrationsFolder, readMigrations } from "./migrations.ts";
import { rolesOf } from "./roles.ts";

const roles = rolesOf("aliquot_");
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

/** An empty database that the administrator owns, as provisioning makes one; gone after the test. */
async function emptyDatabase(t: NodeTest): Promise<string> {
  const server = await testServer();
  const name = `migrate_${randomBytes(5).toString("hex")}`;
  const admin = server.admin.database;
  await ask(server.admin, admin, `CREATE DATABASE ${name} OWNER aliquot_owner TEMPLATE template0`);
  t.after(() => ask(server.superuser, "postgres", `DROP DATABASE IF EXISTS ${name}`));
  return name;
}

async function on<T>(database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const server = await testServer();
  return withClient({ ...server.admin, database }, "aliquot tests", work);
}

async function dump(database: string): Promise<string> {
  const server = await testServer();
  return describeSchema(server.superuser, database);
}

/** Migrations of a folder of this test alone. */
async function folderOf(t: NodeTest, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "aliquot-migrations-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await mkdir(join(folder, "results"));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, "results", name), text);
  return folder;
}

async function migrationsOf(t: NodeTest, files: Record<string, string>): Promise<Migration[]> {
  return readMigrations("results", await folderOf(t, files));
}

const ONE = { "0001_a_create.up.sql": "CREATE TABLE a (x int);", "0001_a_create.down.sql": "DROP TABLE a;" };
const TWO = {
  ...ONE,
  "0002_b_create.up.sql": "CREATE TABLE b (x int);",
  "0002_b_create.down.sql": "DROP TABLE b;",
};

for (const branch of BRANCHES) {
  test(`${branch}: up, down to nothing and up again give the same schema`, async (t) => {
    const migrations = await readMigrations(branch as Branch);
    const database = await emptyDatabase(t);
    const steps = await on(database, (client) => migrateUp(client, roles, migrations));
    assert.deepEqual(
      steps.map((step) => step.version),
      migrations.map((step) => step.version),
    );
    const first = await dump(database);
    assert.equal(
      (await on(database, (client) => migrateUp(client, roles, migrations))).length,
      0,
      "nothing is left to do",
    );
    const down = await on(database, (client) => migrateDown(client, roles, migrations, { to: 0 }));
    assert.equal(down.length, migrations.length);
    const left = await ask(
      (await testServer()).superuser,
      database,
      "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND relname <> 'schema_migrations' UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    );
    assert.deepEqual(left, [], "down leaves nothing");
    await on(database, (client) => migrateUp(client, roles, migrations));
    assert.equal(await dump(database), first);
  });

  test(`${branch}: each step down and up again gives the same schema`, async (t) => {
    const migrations = await readMigrations(branch as Branch);
    const database = await emptyDatabase(t);
    await on(database, async (client) => {
      for (const { version } of migrations) {
        await migrateUp(client, roles, migrations, { to: version });
        const before = await dump(database);
        await migrateDown(client, roles, migrations);
        await migrateUp(client, roles, migrations, { steps: 1 });
        assert.equal(await dump(database), before, `step ${version}`);
      }
    });
  });
}

test("the ledger says what was applied, and steps and targets are kept to", async (t) => {
  const migrations = await migrationsOf(t, TWO);
  const database = await emptyDatabase(t);
  await on(database, async (client) => {
    assert.deepEqual(await readLedger(client), []);
    const seen: string[] = [];
    await migrateUp(client, roles, migrations, {
      steps: 1,
      onStep: (step) => seen.push(`${step.direction} ${step.name}`),
    });
    assert.deepEqual(
      (await readLedger(client)).map(({ version, name, checksum }) => [version, name, checksum]),
      [[1, "a_create", migrations[0]?.checksum]],
    );
    await migrateUp(client, roles, migrations, {
      to: 2,
      onStep: (step) => seen.push(`${step.direction} ${step.name}`),
    });
    await migrateDown(client, roles, migrations, {
      to: 0,
      onStep: (step) => seen.push(`${step.direction} ${step.name}`),
    });
    assert.deepEqual(seen, ["up a_create", "up b_create", "down b_create", "down a_create"]);
    assert.deepEqual(await readLedger(client), []);
  });
});

test("tables belong to owner, who can't log in", async (t) => {
  const database = await emptyDatabase(t);
  const migrations = await migrationsOf(t, ONE);
  await on(database, (client) => migrateUp(client, roles, migrations));
  const rows = await ask<{ tableowner: string }>(
    (await testServer()).superuser,
    database,
    "SELECT tableowner FROM pg_tables WHERE schemaname = 'public'",
  );
  assert.deepEqual([...new Set(rows.map((row) => row.tableowner))], ["aliquot_owner"]);
  const [role] = await ask<{ rolcanlogin: boolean }>(
    (await testServer()).superuser,
    database,
    "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'aliquot_owner'",
  );
  assert.equal(role?.rolcanlogin, false);
});

test("an applied migration that was edited is told by name, up and down, and nothing is done", async (t) => {
  const database = await emptyDatabase(t);
  await on(database, async (client) => migrateUp(client, roles, await migrationsOf(t, ONE)));
  const edited = await migrationsOf(t, { ...TWO, "0001_a_create.up.sql": "CREATE TABLE a (x int, y int);" });
  const told = (error: unknown) =>
    kind("conflict")(error) && /migration 1 \(a_create\) was edited/.test(String(error));
  await assert.rejects(
    on(database, (client) => migrateUp(client, roles, edited)),
    told,
  );
  await assert.rejects(
    on(database, (client) => migrateDown(client, roles, edited)),
    told,
  );
  const editedDown = await migrationsOf(t, { ...ONE, "0001_a_create.down.sql": "DROP TABLE IF EXISTS a;" });
  await assert.rejects(
    on(database, (client) => migrateUp(client, roles, editedDown)),
    told,
  );
  assert.equal((await on(database, readLedger)).length, 1);
});

test("a database with a migration that this program does not know is left alone", async (t) => {
  const database = await emptyDatabase(t);
  const migrations = await migrationsOf(t, TWO);
  await on(database, (client) => migrateUp(client, roles, migrations));
  const older = migrations.slice(0, 1);
  const told = (error: unknown) =>
    kind("app_too_old")(error) && /migration 2 \(b_create\)/.test(String(error));
  await assert.rejects(
    on(database, (client) => migrateUp(client, roles, older)),
    told,
  );
  await assert.rejects(
    on(database, (client) => migrateDown(client, roles, older)),
    told,
  );
});

test("a statement that fails takes its step back whole, names the line, and leaves the steps before", async (t) => {
  const database = await emptyDatabase(t);
  const bad =
    "-- a comment\nCREATE TABLE b (x int);\n\nINSERT INTO b VALUES (1);\nSELECT wrong FROM b;\nCREATE TABLE c (x int);";
  const migrations = await migrationsOf(t, { ...TWO, "0002_b_create.up.sql": bad });
  await assert.rejects(
    on(database, (client) => migrateUp(client, roles, migrations)),
    (error) =>
      kind("internal")(error) &&
      /migration 2 \(b_create, up, line 5\).*column "wrong" does not exist/.test(String(error)),
  );
  assert.deepEqual(
    (await on(database, readLedger)).map((row) => row.version),
    [1],
  );
  const tables = await ask<{ name: string }>(
    (await testServer()).superuser,
    database,
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
  );
  assert.deepEqual(
    tables.map((row) => row.name),
    ["a", "schema_migrations"],
  );
  await on(database, async (client) => migrateUp(client, roles, await migrationsOf(t, TWO)));
  assert.equal((await on(database, readLedger)).length, 2, "mended, it goes on");
});

test("a step down that fails is taken back too", async (t) => {
  const database = await emptyDatabase(t);
  const migrations = await migrationsOf(t, {
    ...ONE,
    "0001_a_create.down.sql": "DROP TABLE a;\nDROP TABLE missing;",
  });
  await on(database, (client) => migrateUp(client, roles, migrations));
  await assert.rejects(
    on(database, (client) => migrateDown(client, roles, migrations)),
    /a_create, down.*rolled back/,
  );
  assert.equal((await on(database, readLedger)).length, 1);
  await ask((await testServer()).superuser, database, "SELECT x FROM a");
});

test("two programs that migrate at once apply each step once", async (t) => {
  const database = await emptyDatabase(t);
  const slow = Object.fromEntries(
    Array.from({ length: 6 }, (_, n) => [
      [`000${n + 1}_t_create.up.sql`, `CREATE TABLE t${n} (x int); SELECT pg_sleep(0.02);`],
      [`000${n + 1}_t_create.down.sql`, `DROP TABLE t${n};`],
    ]).flat(),
  );
  const migrations = await migrationsOf(t, slow);
  const steps = await Promise.all(
    Array.from({ length: 4 }, () => on(database, (client) => migrateUp(client, roles, migrations))),
  );
  assert.deepEqual(
    steps
      .flat()
      .map((step) => step.version)
      .toSorted(),
    [1, 2, 3, 4, 5, 6],
  );
  assert.equal((await on(database, readLedger)).length, 6);
});

test("the lock is given back after a failure and the client is its own again", async (t) => {
  const database = await emptyDatabase(t);
  const broken = await migrationsOf(t, { ...ONE, "0001_a_create.up.sql": "SELECT nonsense;" });
  await on(database, async (client) => {
    await assert.rejects(migrateUp(client, roles, broken));
    const [who] = (await client.query("SELECT current_user = session_user AS own")).rows;
    assert.equal(who?.own, true);
    await on(database, async (second) => migrateUp(second, roles, await migrationsOf(t, ONE)));
  });
});

test("a step without a transaction runs what can't run in one; failing, it is not in the ledger", async (t) => {
  const up = "-- no transaction\nCREATE INDEX CONCURRENTLY a_x ON a (x);";
  const files = { ...TWO, "0002_b_create.up.sql": up, "0002_b_create.down.sql": "DROP INDEX a_x;" };
  const database = await emptyDatabase(t);
  const migrations = await migrationsOf(t, files);
  assert.equal(migrations[1]?.transaction, false);
  await on(database, (client) => migrateUp(client, roles, migrations));
  assert.equal((await on(database, readLedger)).length, 2);
});

test("a step without a transaction that failed is not in the ledger", {}, async (t) => {
  const up = "-- no transaction\nCREATE INDEX CONCURRENTLY a_x ON a (missing);";
  const database = await emptyDatabase(t);
  const migrations = await migrationsOf(t, { ...TWO, "0002_b_create.up.sql": up });
  await assert.rejects(on(database, (client) => migrateUp(client, roles, migrations)));
  assert.equal((await on(database, readLedger)).length, 1);
});

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

test("a copy of our own folder is read as the folder itself", async (t) => {
  const folder = await folderOf(t, {});
  for (const branch of BRANCHES) {
    await cp(join(migrationsFolder(), branch), join(folder, branch), { recursive: true });
    assert.deepEqual(await readMigrations(branch, folder), await readMigrations(branch));
  }
});
