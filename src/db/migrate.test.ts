import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { type TestContext as NodeTest, test } from "node:test";
import type pg from "pg";
import { describeSchema } from "../../test/support/describe-schema.ts";
import { migrationsOf, ONE, TWO } from "../../test/support/migrations.ts";
import { ask, testServer } from "../../test/support/server.ts";
import { until } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { withClient } from "./connect.ts";
import { readLedger } from "./ledger.ts";
import { migrateDown, migrateUp } from "./migrate.ts";
import { BRANCHES, type Branch, readMigrations } from "./migrations.ts";
import { withPatientClient } from "./patient.ts";
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
}

test("addresses of who joined by an invitation before are confirmed to be nobody's; others stay theirs", async (t) => {
  const migrations = await readMigrations("metadata");
  const database = await emptyDatabase(t);
  const { superuser } = await testServer();
  await on(database, (client) => migrateUp(client, roles, migrations, { to: 15 }));
  const people = "operator told kept older".split(" ");
  await ask(
    superuser,
    database,
    `INSERT INTO users (username, email, created_at) SELECT name, name || '@example.org', '2026-01-02'
       FROM unnest(string_to_array('${people.join(" ")}', ' ')) AS name;
     UPDATE users SET created_at = '2026-01-01' WHERE username = 'older';
     INSERT INTO audit_logs (chain_id, seq, user_id, action, entity_type, metadata, ts, source_id, prev_hash, hash)
       SELECT '00000000-0000-0000-0000-000000000000', row_number() OVER (), user_id, 'member.accept', 'member',
         jsonb_build_object('new', username = 'told'), now(), new_id(), repeat('0', 64), repeat('0', 64)
       FROM users WHERE username IN ('told', 'older');
     WITH made AS (INSERT INTO organizations (name, slug) VALUES ('Lab', 'lab') RETURNING org_id),
       gives AS (INSERT INTO roles (name) VALUES ('anybody') RETURNING role_id)
     INSERT INTO tokens (kind, org_id, email, role_id, token_hash, expires_at, used_at)
       SELECT 'invite', org_id, upper(username) || '@example.org', role_id, md5(username) || md5(username), now() + interval '1 day',
         '2026-01-02'
       FROM users, made, gives WHERE username IN ('kept', 'older')`,
  );
  await on(database, (client) => migrateUp(client, roles, migrations));
  const rows = await ask<{ username: string }>(
    superuser,
    database,
    "SELECT username FROM users WHERE NOT email_confirmed ORDER BY username",
  );
  assert.deepEqual(
    rows.map(({ username }) => username),
    ["kept", "told"],
  );
});

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

test("a database that is ahead is left as it is; ahead by a breaking migration, or on the way down, it wants a newer program", async (t) => {
  const older = await migrationsOf(t, ONE);
  const told = (error: unknown) =>
    kind("app_too_old")(error) && /migration 2 \(b_create\)/.test(String(error));
  const harmless = await emptyDatabase(t);
  await on(harmless, async (client) => migrateUp(client, roles, await migrationsOf(t, TWO)));
  assert.deepEqual(await on(harmless, (client) => migrateUp(client, roles, older)), []);
  await assert.rejects(
    on(harmless, (client) => migrateDown(client, roles, older)),
    told,
  );
  const breaking = await emptyDatabase(t);
  const up = `-- breaking\n${TWO["0002_b_create.up.sql"]}`;
  const newer = await migrationsOf(t, { ...TWO, "0002_b_create.up.sql": up });
  await on(breaking, async (client) => migrateUp(client, roles, newer));
  assert.deepEqual(
    (await on(breaking, readLedger)).map((row) => row.breaking),
    [false, true],
  );
  await assert.rejects(
    on(breaking, (client) => migrateUp(client, roles, older)),
    told,
  );
  assert.equal((await on(breaking, readLedger)).length, 2);
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

test("a step without a transaction goes statement by statement; failing half-way it says what is left, and runs again", async (t) => {
  const up = [
    "-- no transaction",
    "DROP INDEX CONCURRENTLY IF EXISTS a_x;",
    "CREATE INDEX CONCURRENTLY a_x ON a (x);",
    "CREATE UNIQUE INDEX CONCURRENTLY a_once ON a (x);",
  ].join("\n");
  const down = "-- DROP INDEX; in a comment\nDROP INDEX CONCURRENTLY a_once;\nDROP INDEX CONCURRENTLY a_x;";
  const database = await emptyDatabase(t);
  const migrations = await migrationsOf(t, {
    ...TWO,
    "0002_b_create.up.sql": up,
    "0002_b_create.down.sql": down,
  });
  const [first] = migrations;
  assert.ok(first);
  const { superuser } = await testServer();
  await on(database, (client) => migrateUp(client, roles, [first]));
  await ask(superuser, database, "INSERT INTO a VALUES (1), (1)");
  await assert.rejects(
    on(database, (client) => migrateUp(client, roles, migrations)),
    (error) =>
      kind("internal")(error) &&
      /b_create, up, line 4\) failed at statement 3 of 3.* 2 statements before stay done.*an invalid index is left: DROP INDEX a_once; then run it again: .*a_once.*SQLSTATE 23505/.test(
        String(error),
      ),
  );
  assert.equal((await on(database, readLedger)).length, 1, "no row in the ledger");
  await ask(superuser, database, "DROP INDEX a_once; DELETE FROM a");
  await on(database, (client) => migrateUp(client, roles, migrations));
  assert.equal((await on(database, readLedger)).length, 2, "it runs again");
  await on(database, (client) => migrateDown(client, roles, migrations));
  const left = await ask(superuser, database, "SELECT 1 FROM pg_indexes WHERE tablename = 'a'");
  assert.deepEqual([left.length, (await on(database, readLedger)).length], [0, 1]);
});

test("a migrator that finds another one at its database says that it waits, and then finds nothing to do", async (t) => {
  const database = await emptyDatabase(t);
  const migrations = await migrationsOf(t, TWO);
  const waits = Promise.withResolvers<void>();
  await on(database, async (first) => {
    await first.query("SELECT pg_advisory_lock(7242001)");
    const second = on(database, (client) =>
      migrateUp(client, roles, migrations, { onWait: () => waits.resolve() }),
    );
    await waits.promise;
    await migrateUp(first, roles, migrations);
    await first.query("SELECT pg_advisory_unlock(7242001)");
    assert.deepEqual(await second, []);
  });
  let waited = 0;
  await on(database, (client) => migrateUp(client, roles, migrations, { onWait: () => waited++ }));
  assert.equal(waited, 0, "alone, nobody waits");
});

test("a step that ends its own transaction is refused before anything is done, up and down", async (t) => {
  const database = await emptyDatabase(t);
  const told = (error: unknown) =>
    kind("bad_input")(error) && /migration 2 \(b_create, .*, line 2\) holds/.test(String(error));
  for (const own of ["COMMIT", "begin", "Rollback", "START TRANSACTION"]) {
    const files = { ...TWO, "0002_b_create.up.sql": `CREATE TABLE b (x int);\n${own};` };
    const migrations = await migrationsOf(t, files);
    await on(database, async (client) => {
      await assert.rejects(migrateUp(client, roles, migrations), told, own);
      assert.equal((await readLedger(client)).length, 0);
    });
  }
  const quoted = "DO $$ BEGIN PERFORM 1; END $$; -- COMMIT;\nSELECT 'COMMIT;';";
  const fine = await migrationsOf(t, {
    ...TWO,
    "0002_b_create.up.sql": quoted,
    "0002_b_create.down.sql": "SELECT 1;\nCOMMIT;",
  });
  await on(database, async (client) => {
    assert.equal((await migrateUp(client, roles, fine)).length, 2);
    await assert.rejects(migrateDown(client, roles, fine), told);
    assert.equal((await readLedger(client)).length, 2);
  });
});

test("a migrator that is cut off in the middle of a step leaves all of it or nothing, and the next one goes on", async (t) => {
  const { superuser } = await testServer();
  const files = {
    ...ONE,
    "0002_b_create.up.sql": "CREATE TABLE b (x int); SELECT count(*) FROM a; CREATE TABLE c (x int);",
    "0002_b_create.down.sql": "DROP TABLE c; DROP TABLE b;",
  };
  const migrations = await migrationsOf(t, files);
  const [first] = migrations;
  assert.ok(first);
  for (const server of ["goes on", "is ended"]) {
    const database = await emptyDatabase(t);
    await on(database, (client) => migrateUp(client, roles, [first]));
    await withClient({ ...superuser, database }, "aliquot tests", async (holder) => {
      await holder.query("BEGIN; LOCK TABLE a IN ACCESS EXCLUSIVE MODE");
      const killed = on(database, async (client) => {
        const run = migrateUp(client, roles, migrations);
        run.catch(() => {}); // it may fail before we are told that we ended its session, and is awaited below
        await until("the step to wait for the table", async () => (await waiting(database)).length === 1);
        if (server === "is ended")
          await ask(superuser, database, "SELECT pg_terminate_backend($1)", [
            (await waiting(database))[0]?.pid,
          ]);
        else (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
        return run;
      });
      await assert.rejects(killed, kind("unavailable"));
      await holder.query("COMMIT");
    });
    await until("the session to end", async () => {
      const [row] = await ask<{ n: number }>(
        superuser,
        "postgres",
        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = $1",
        [database],
      );
      return row?.n === 0;
    });
    const [there] = await ask<{ b: boolean; c: boolean }>(
      superuser,
      database,
      "SELECT to_regclass('b') IS NOT NULL AS b, to_regclass('c') IS NOT NULL AS c",
    );
    const ledger = await on(database, readLedger);
    const whole = ledger.length === 2;
    assert.deepEqual(there, { b: whole, c: whole }, server);
    if (server === "is ended") assert.equal(whole, false);
    await on(database, (client) => migrateUp(client, roles, migrations));
    assert.equal((await on(database, readLedger)).length, 2);
  }
});

async function waiting(database: string): Promise<{ pid: number }[]> {
  const text = "SELECT pid FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'";
  return ask((await testServer()).superuser, "postgres", text, [database]);
}

test("a table that somebody holds is waited for and then left alone: nobody stands in line behind the step", async (t) => {
  const { superuser } = await testServer();
  const database = await emptyDatabase(t);
  await on(database, async (client) => migrateUp(client, roles, await migrationsOf(t, ONE)));
  const up = "SET LOCAL lock_timeout = '50ms';\nALTER TABLE a ADD COLUMN y int;";
  const migrations = await migrationsOf(t, { ...TWO, "0002_b_create.up.sql": up });
  await withClient({ ...superuser, database }, "aliquot tests", async (holder) => {
    await holder.query("BEGIN; SELECT count(*) FROM a");
    await assert.rejects(
      on(database, (client) => migrateUp(client, roles, migrations)),
      (error) => kind("unavailable")(error) && /b_create, up.*rolled back.*lock timeout/.test(String(error)),
    );
    await holder.query("COMMIT");
  });
  await on(database, (client) => migrateUp(client, roles, migrations));
  const seen = await migrationsOf(t, {
    ...TWO,
    "0002_b_create.up.sql": "SELECT set_config('x.seen', current_setting('lock_timeout'), false);",
  });
  await on(await emptyDatabase(t), async (client) => {
    await migrateUp(client, roles, seen);
    const [row] = (
      await client.query(
        "SELECT current_setting('x.seen') AS inside, current_setting('lock_timeout') AS outside",
      )
    ).rows;
    assert.deepEqual(row, { inside: "10s", outside: "0" });
  });
});

test("more steps down than were applied are refused, and a ledger with a gap is too", async (t) => {
  const database = await emptyDatabase(t);
  const migrations = await migrationsOf(t, TWO);
  await on(database, async (client) => {
    await migrateUp(client, roles, migrations);
    await assert.rejects(
      migrateDown(client, roles, migrations, { steps: 3 }),
      (error) => kind("usage")(error) && /only 2 migrations are applied/.test(String(error)),
    );
    assert.equal((await readLedger(client)).length, 2);
    assert.equal((await migrateDown(client, roles, migrations, { to: 5 })).length, 0);
    assert.equal((await migrateUp(client, roles, migrations, { to: 1 })).length, 0);
  });
  await ask((await testServer()).superuser, database, "DELETE FROM schema_migrations WHERE version = 1");
  await assert.rejects(
    on(database, (client) => migrateUp(client, roles, migrations)),
    (error) => kind("conflict")(error) && /lacks migration 1/.test(String(error)),
  );
});

test("a migration without a statement is not applied: it would be edited later", async (t) => {
  const database = await emptyDatabase(t);
  const migrations = await migrationsOf(t, { ...TWO, "0002_b_create.up.sql": "-- to be written; soon\n" });
  await assert.rejects(
    on(database, (client) => migrateUp(client, roles, migrations)),
    (error) => kind("bad_input")(error) && /migration 2 \(b_create\) holds no statement/.test(String(error)),
  );
  assert.equal((await on(database, readLedger)).length, 0);
});

test("at its connection limit a database is asked again, and not for ever", async (t) => {
  const server = await testServer();
  const database = await emptyDatabase(t);
  const limit = (most: number) =>
    ask(server.superuser, "postgres", `ALTER DATABASE ${database} CONNECTION LIMIT ${most}`);
  const connect = (patience: { tries: number; pause_ms: number }) =>
    withPatientClient({ ...server.admin, database }, "aliquot tests", async () => "in", patience);
  await limit(0);
  await assert.rejects(
    connect({ tries: 3, pause_ms: 1 }),
    (error) => kind("unavailable")(error) && /out of connections.*53300/.test(String(error)),
  );
  const patient = connect({ tries: 12, pause_ms: 5 });
  await limit(-1);
  assert.equal(await patient, "in");
});
