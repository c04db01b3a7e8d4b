import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, test } from "node:test";
import { openTestContext } from "../../test/support/context.ts";
import { makeFleet, withMigration } from "../../test/support/fleet.ts";
import type { FleetChild } from "../../test/support/fleet-child.ts";
import { databaseUrl, testServer } from "../../test/support/server.ts";
import { until } from "../../test/support/worker.ts";
import { withClient } from "../db/connect.ts";
import { AppError } from "../errors.ts";
import { Secret } from "../secrets.ts";
import { appPassword } from "../setup.ts";
import { type FleetOptions, type FleetReport, migrateFleet } from "./fleet.ts";
import { hasOtherSessions, updateFleetPlaces } from "./fleet-store.ts";

const COUNT = 30;
const context = await openTestContext({ after });
const fleet = await makeFleet(context, COUNT);
const names = new Map(fleet.map((member) => [member.org_id, member.database_name]));

/** Grows by one with each test: the fleet is at the last but one when a test begins. */
let migrations = context.migrations.results;
const extra: { name: string; up: string; down: string }[] = [];

function next(up?: string, down?: string): { table: string; version: number } {
  const version = migrations.length + 1;
  const table = `extra_${version}`;
  const step = {
    name: `${table}_create`,
    up: up ?? `CREATE TABLE ${table} (x int);`,
    down: down ?? `DROP TABLE ${table};`,
  };
  extra.push(step);
  migrations = withMigration(migrations, step.name, step.up, step.down);
  return { table, version };
}

/** The last migration turned out to be wrong and was never applied: it is written anew. */
function instead(up: string): void {
  extra.pop();
  migrations = migrations.slice(0, -1);
  next(up);
}

function run(options: Partial<FleetOptions> = {}): Promise<FleetReport> {
  const settings = { admin: context.admin, roles: context.roles, migrations };
  return migrateFleet(context.metadata, settings, { direction: "up", ...options });
}

type Row = { org_id: string; schema_version: number; last_error: string | null };

const directory = () =>
  context.superuser<Row>("SELECT org_id, schema_version, last_error FROM org_databases ORDER BY org_id");

async function applied(database: string): Promise<number> {
  const [row] = await context.superuser<{ n: number }>(
    "SELECT count(*) AS n FROM schema_migrations",
    [],
    database,
  );
  return row?.n ?? 0;
}

async function versions(): Promise<number[]> {
  return Promise.all(fleet.map(({ database_name }) => applied(database_name)));
}

const at = (version: number) => Array.from({ length: COUNT }, () => version);
const databaseOf = (index: number) => fleet[index]?.database_name ?? "";

async function block(table: string, indexes: number[]): Promise<() => Promise<void>> {
  for (const index of indexes)
    await context.superuser(`CREATE TABLE ${table} (y text)`, [], databaseOf(index));
  return async () => {
    for (const index of indexes) await context.superuser(`DROP TABLE ${table}`, [], databaseOf(index));
  };
}

test("some fail and the rest is migrated, with reasons; a second run takes those alone and converges", async () => {
  const { table, version } = next();
  await context.superuser(
    "UPDATE organizations SET status = 'suspended', suspended_at = now() WHERE org_id = $1",
    [fleet[3]?.org_id],
  );
  await context.superuser(
    "UPDATE organizations SET status = 'deleting', delete_after = now() + interval '7 days' WHERE org_id = $1",
    [fleet[4]?.org_id],
  );
  const free = await block(table, [7, 20]);
  await context.superuser(`ALTER DATABASE ${databaseOf(11)} ALLOW_CONNECTIONS false`);
  const told: string[] = [];
  const report = await run({ report: ({ done, total, failed }) => told.push(`${done}/${total}/${failed}`) });
  assert.deepEqual(report.counts, { migrated: 27, current: 0, failed: 3, not_tried: 0 });
  assert.equal(report.stopped, null);
  assert.deepEqual([told.length, told[0], told.at(-1)], [30, "1/30/0", "30/30/3"]);
  const failed = report.items.filter((item) => item.status === "failed");
  assert.deepEqual(
    failed.map((item) => [item.org_id, item.code]),
    [
      [fleet[7]?.org_id, "internal"],
      [fleet[11]?.org_id, "unavailable"],
      [fleet[20]?.org_id, "internal"],
    ],
  );
  assert.match(failed[0]?.error ?? "", new RegExp(`migration ${version} .*"${table}" already exists`));
  for (const [index, row] of (await directory()).entries()) {
    const bad = [7, 11, 20].includes(index);
    assert.equal(row.schema_version, bad ? version - 1 : version, `${index}`);
    assert.equal(row.last_error, failed.find((item) => item.org_id === row.org_id)?.error ?? null);
  }
  await free();
  await context.superuser(`ALTER DATABASE ${databaseOf(11)} ALLOW_CONNECTIONS true`);
  const second = await run();
  assert.deepEqual(second.counts, { migrated: 3, current: 0, failed: 0, not_tried: 0 });
  assert.deepEqual(await versions(), at(version));
  assert.ok((await directory()).every((row) => row.schema_version === version && row.last_error === null));
  assert.deepEqual((await run()).items, [], "nothing is left to do");
});

test("a first one that fails stops the run; the next run tries another one first", async () => {
  const { table, version } = next("SELECT 'CC(=O)O'::integer;");
  const bad = await run();
  assert.deepEqual(
    [bad.stopped, bad.counts],
    ["canary", { migrated: 0, current: 0, failed: 1, not_tried: 29 }],
  );
  const failed = bad.items.find((item) => item.status === "failed");
  assert.match(failed?.error ?? "", /SQLSTATE 22P02/);
  assert.match(failed?.detail ?? "", /CC\(=O\)O/, "for the operator's eyes");
  const said = (await directory()).map((row) => row.last_error).join();
  assert.match(said, /SQLSTATE 22P02/);
  assert.doesNotMatch(said, /CC\(=O\)O/, "a value is its organization's, and this database everybody's");
  assert.deepEqual(await versions(), at(version - 1));
  // Mended, and the first one has a fault of its own: it does not stand in the way of the others.
  instead(`CREATE TABLE ${table} (x int);`);
  const free = await block(table, [0]);
  const mended = await run();
  assert.deepEqual([mended.stopped, mended.counts.migrated, mended.counts.failed], [null, 29, 1]);
  await free();
  assert.equal((await run()).counts.migrated, 1);
  assert.deepEqual(await versions(), at(version));
});

test("a first one that can't be reached says nothing: another one goes first", async () => {
  const { version } = next();
  await context.superuser(`ALTER DATABASE ${databaseOf(0)} ALLOW_CONNECTIONS false`);
  const report = await run();
  await context.superuser(`ALTER DATABASE ${databaseOf(0)} ALLOW_CONNECTIONS true`);
  assert.deepEqual([report.stopped, report.counts.migrated, report.counts.failed], [null, 29, 1]);
  await run();
  assert.deepEqual(await versions(), at(version));
});

test("too many failures stop the run, and what was not begun is told as such", async () => {
  const { table, version } = next();
  const free = await block(table, [5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  const report = await run({ max_failures: 2, concurrency: 2 });
  assert.equal(report.stopped, "failures");
  const { migrated, failed, not_tried } = report.counts;
  assert.ok(failed === 3 || failed === 4, `${failed} failed: the third stops it, one more may be under way`);
  assert.equal(migrated + failed + not_tried, COUNT);
  assert.ok(not_tried >= 15, `${not_tried}`);
  assert.equal((await versions()).filter((one) => one === version).length, migrated);
  await free();
  assert.equal((await run()).counts.migrated, COUNT - migrated);
  assert.deepEqual(await versions(), at(version));
});

test("never more at once than was asked for", async () => {
  const { version } = next("SELECT pg_sleep(0.02);", "SELECT 1;");
  let most = 0;
  let running = true;
  const watch = (async () => {
    while (running) {
      const [row] = await context.superuser<{ n: number }>(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE '%pg_sleep(0.02)%' AND state = 'active' AND datname = ANY ($1)",
        [[...names.values()]],
      );
      most = Math.max(most, row?.n ?? 0);
    }
  })();
  await run({ concurrency: 3 });
  running = false;
  await watch;
  assert.ok(most > 1 && most <= 3, `${most} at once`);
  assert.deepEqual(await versions(), at(version));
});

test("a run that was killed in the middle is finished by the next one, and no step is taken twice", async () => {
  const { table, version } = next();
  const { admin, secret } = await testServer();
  const orders: FleetChild = {
    url: databaseUrl(admin, context.database),
    home: context.home,
    secret,
    extra,
    die_after: 12,
  };
  const script = join(import.meta.dirname, "../../test/support/fleet-child.ts");
  const child = spawn(process.execPath, [script, JSON.stringify(orders)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  assert.equal(signal, "SIGKILL", `${code} ${said}`);
  await until("its sessions to end", async () => {
    const [row] = await context.superuser<{ n: number }>(
      "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = ANY ($1)",
      [[...names.values()]],
    );
    return row?.n === 0;
  });
  const done = (await versions()).filter((one) => one === version).length;
  const noted = (await directory()).filter((row) => row.schema_version === version).length;
  assert.ok(done >= 12 && done < COUNT, `${done} done`);
  assert.ok(noted <= done, "the directory never says more than the databases");
  const report = await run();
  assert.equal(report.counts.failed, 0);
  assert.equal(report.counts.migrated, COUNT - done);
  assert.equal(report.counts.current, done - noted, "what was not noted is looked at and noted");
  assert.deepEqual(await versions(), at(version));
  assert.ok((await directory()).every((row) => row.schema_version === version));
  const [there] = await context.superuser(
    `SELECT to_regclass('${table}') IS NOT NULL AS there`,
    [],
    databaseOf(0),
  );
  assert.deepEqual(there, { there: true });
});

test("a run that is broken off begins nothing more", async () => {
  const { version } = next();
  const abort = new AbortController();
  const report = await run({
    signal: abort.signal,
    report: ({ done }) => {
      if (done === 8) abort.abort();
    },
  });
  assert.equal(report.stopped, "aborted");
  assert.ok(report.counts.migrated >= 8 && report.counts.not_tried > 0, JSON.stringify(report.counts));
  await run();
  assert.deepEqual(await versions(), at(version));
});

test("the directory is told after a database's own commit, and not before", async () => {
  const table = `extra_${migrations.length + 1}`;
  const { version } = next(`SELECT count(*) FROM molecules; CREATE TABLE ${table} (x int);`);
  const { superuser } = await testServer();
  const ended = await withClient(
    { ...superuser, database: databaseOf(0) },
    "aliquot tests",
    async (holder) => {
      await holder.query("BEGIN; LOCK TABLE molecules IN ACCESS EXCLUSIVE MODE");
      const running = run();
      await until("the first database to wait", async () => {
        const [row] = await context.superuser<{ n: number }>(
          "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'",
          [databaseOf(0)],
        );
        return row?.n === 1;
      });
      assert.ok((await directory()).every((row) => row.schema_version === version - 1));
      await holder.query("COMMIT");
      return running;
    },
  );
  assert.equal(ended.counts.migrated, COUNT);
});

test("two runs at once share the work: every step is taken once and nothing fails", async () => {
  const { version } = next();
  const [one, two] = await Promise.all([run(), run()]);
  assert.deepEqual([one.counts.failed, two.counts.failed, one.stopped, two.stopped], [0, 0, null, null]);
  assert.equal(one.counts.migrated + two.counts.migrated, COUNT);
  assert.deepEqual(await versions(), at(version));
  assert.ok((await directory()).every((row) => row.schema_version === version && row.last_error === null));
});

test("one organization is taken whatever the directory says; --all looks into every one", async () => {
  const { version } = next();
  const [first, second] = fleet;
  const lie = "UPDATE org_databases SET schema_version = $2 WHERE org_id = $1";
  for (const member of [first, second]) await context.superuser(lie, [member?.org_id, version]);
  const one = await run({ org_id: first?.org_id ?? "" });
  assert.deepEqual(one.counts, { migrated: 1, current: 0, failed: 0, not_tried: 0 });
  assert.equal((await run()).counts.migrated, COUNT - 2, "the directory is believed");
  assert.equal(await applied(second?.database_name ?? ""), version - 1);
  const all = await run({ all: true });
  assert.deepEqual(all.counts, { migrated: 1, current: COUNT - 1, failed: 0, not_tried: 0 });
  assert.deepEqual(await versions(), at(version));
});

test("on the way down the directory goes first, and says the truth in the end", async () => {
  const { version } = next();
  await run();
  const org_id = fleet[0]?.org_id ?? "";
  const seen: number[] = [];
  const settled: string[] = [];
  const down = await run({
    direction: "down",
    to: version - 2,
    settle: async () => {
      const low = (all: number[]) => all.filter((one) => one === version - 2).length;
      const told = low((await directory()).map((row) => row.schema_version));
      settled.push(`${told} told, ${low(await versions())} taken`);
    },
    report: ({ result }) => seen.push(result.steps.length),
  });
  assert.deepEqual([down.counts.migrated, seen.every((steps) => steps === 2)], [COUNT, true]);
  assert.deepEqual(
    settled,
    ["1 told, 0 taken", "5 told, 1 taken", "21 told, 5 taken", "30 told, 21 taken"],
    "a wave is told first, then waited for, then taken",
  );
  assert.ok((await directory()).every((row) => row.schema_version === version - 2));
  await context.superuser(`DROP TABLE extra_${version - 2}`, [], databaseOf(0));
  const failing = await run({ direction: "down", to: version - 3, org_id });
  assert.match(failing.items[0]?.error ?? "", /does not exist/);
  const [row] = await directory();
  assert.deepEqual([row?.schema_version, row?.last_error], [version - 2, failing.items[0]?.error]);
  await context.superuser(`CREATE TABLE extra_${version - 2} (x int)`, [], databaseOf(0));
  assert.equal((await run()).counts.failed, 0);
  assert.deepEqual(await versions(), at(version));
});

test("a way down that is broken off puts back what it told of those that it did not take", async () => {
  const version = migrations.length;
  const abort = new AbortController();
  let waves = 0;
  const down = await run({
    direction: "down",
    to: version - 1,
    signal: abort.signal,
    settle: async () => {
      if (++waves === 2) abort.abort();
    },
  });
  assert.deepEqual(
    [down.stopped, down.counts],
    ["aborted", { migrated: 1, current: 0, failed: 0, not_tried: COUNT - 1 }],
  );
  assert.deepEqual(
    (await directory()).map((row) => row.schema_version),
    await versions(),
  );
  assert.equal((await run()).counts.migrated, 1);
});

test("who else has a session in the shared database is seen, and oneself is not", async () => {
  const { secret } = await testServer();
  const alone = () => context.metadata.system(hasOtherSessions);
  assert.equal(await alone(), false);
  const login = {
    ...context.admin,
    user: context.roles.app,
    password: appPassword(new Secret(secret)).reveal(),
  };
  await withClient(login, "aliquot tests worker", async () => assert.equal(await alone(), true));
});

test("after a breaking step the directory is told before the next database is begun", async () => {
  const table = `extra_${migrations.length + 1}`;
  const { version } = next(`-- breaking\nCREATE TABLE ${table} (x int);`);
  const told: Promise<Row[]>[] = [];
  await run({ concurrency: 1, report: () => told.push(directory()) });
  for (const [index, rows] of (await Promise.all(told)).entries())
    assert.ok(rows.filter((row) => row.schema_version === version).length > index, `${index}`);
});

test("on the way up a late note lowers nothing that somebody else told, and mends what was wrong", async () => {
  const version = migrations.length;
  const org_id = fleet[0]?.org_id ?? "";
  const note = async (schema_version: number | null, seen_version: number) => {
    const rest = { org_id, breaking_version: 0, last_error: null };
    await context.metadata.system((tx) => updateFleetPlaces(tx, [{ ...rest, schema_version, seen_version }]));
    return (await directory())[0]?.schema_version;
  };
  assert.equal(await note(version - 1, version - 2), version, "late");
  assert.equal(await note(null, version - 2), version, "knows nothing");
  assert.equal(await note(version - 1, version), version - 1, "the directory said too much");
  assert.equal(await note(version, version - 2), version, "further");
});

test("a directory that is away ends the run as unavailable", async () => {
  const lost = {
    system: async () => {
      throw new AppError("unavailable", "away");
    },
  } as unknown as typeof context.metadata;
  const settings = { admin: context.admin, roles: context.roles, migrations };
  await assert.rejects(migrateFleet(lost, settings, { direction: "up" }), /away/);
});
