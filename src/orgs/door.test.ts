import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { makeOrg, openTestContext, person, type TestContext } from "../../test/support/context.ts";
import { until } from "../../test/support/worker.ts";
import type { ServerAddress } from "../db/address.ts";
import { PoolBudget } from "../db/pools.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { migrateFleet } from "./fleet.ts";
import type { Org } from "./schema.ts";

const context = await openTestContext(
  { after },
  { env: { DB_RESULTS_POOL_SIZE: "2", DB_CONNECTIONS_MAX: "4" } },
);
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

const read = (org: Org) =>
  context.results.forMachinery(org.org_id, ({ tx }) => tx.selectFrom("jobs").select("job_id").execute());

async function directory(org: Org, change: string): Promise<void> {
  await context.superuser(`UPDATE org_databases SET ${change} WHERE org_id = $1`, [org.org_id]);
  context.results.forget(org.org_id);
}

/** Cuts the pool of an organization, so that the next use opens a new one. */
async function cut(test: TestContext, org: Org): Promise<void> {
  await test.superuser("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [
    org.database_name,
  ]);
}

test("an organization that is not there is not found", async () => {
  await assert.rejects(
    context.results.forMachinery(newId(), async () => {}),
    kind("not_found"),
  );
});

test("a database that says it is another organization's is refused", async () => {
  const [one, two] = [await makeOrg(context), await makeOrg(context)];
  // The directory is made to lie: one's database under two's name.
  await context.superuser(
    `ALTER DATABASE ${two.database_name} RENAME TO aside_${two.database_name.slice(-12)}`,
  );
  await context.superuser("UPDATE org_databases SET database_name = 'x' WHERE org_id = $1", [one.org_id]);
  await context.superuser("UPDATE org_databases SET database_name = $2 WHERE org_id = $1", [
    two.org_id,
    one.database_name,
  ]);
  await context.superuser(`GRANT CONNECT ON DATABASE ${one.database_name} TO ${two.database_name}`);
  await assert.rejects(read(two), kind("unavailable"));
  await context.superuser("UPDATE org_databases SET database_name = $2 WHERE org_id = $1", [
    two.org_id,
    two.database_name,
  ]);
  await context.superuser("UPDATE org_databases SET database_name = $2 WHERE org_id = $1", [
    one.org_id,
    one.database_name,
  ]);
  await context.superuser(
    `ALTER DATABASE aside_${two.database_name.slice(-12)} RENAME TO ${two.database_name}`,
  );
  context.results.forget(two.org_id);
  await read(two);
});

test("a database of another generation than the directory's is refused, and so is a lease of an older one", async () => {
  const org = await makeOrg(context);
  await read(org);
  await directory(org, "generation = 2");
  await assert.rejects(read(org), kind("unavailable"));
  const lease = { org_id: org.org_id, generation: 1, worker_id: newId() };
  await assert.rejects(
    context.results.forLease(lease, async () => {}),
    kind("lost_lease"),
  );
  await directory(org, "generation = 1");
  await read(org);
});

test("an older schema waits for its migration, a newer one wants a newer program", async () => {
  const org = await makeOrg(context);
  const version = context.migrations.results.length;
  await directory(org, `schema_version = ${version - 1}`);
  await assert.rejects(read(org), kind("org_upgrading"));
  await directory(org, `schema_version = ${version + 1}`);
  await assert.rejects(read(org), kind("app_too_old"));
  await directory(org, `schema_version = ${version}`);
  await read(org);
});

test("a suspended organization is read and not written", async () => {
  const org = await makeOrg(context);
  const scientist = await person(context, org, "scientist");
  await context.superuser("UPDATE organizations SET status = 'suspended' WHERE org_id = $1", [org.org_id]);
  context.results.forget(org.org_id);
  await context.results.read(scientist, async () => {});
  await assert.rejects(
    context.results.transact(scientist, async () => {}),
    kind("conflict"),
  );
});

test("more users at once than the budget has room for all get their turn, and the budget is kept", async () => {
  const orgs = [
    await makeOrg(context),
    await makeOrg(context),
    await makeOrg(context),
    await makeOrg(context),
  ];
  const names = orgs.map((org) => org.database_name);
  let most = 0;
  const work = async (org: Org) =>
    context.results.forMachinery(org.org_id, async ({ tx, org_id }) => {
      assert.equal(org_id, org.org_id);
      const found = await tx.selectFrom("database_identity").select("org_id").executeTakeFirst();
      assert.equal(found?.org_id, org.org_id, "the handle is of the organization that was asked for");
      await sleep(5);
    });
  let running = true;
  const watch = (async () => {
    while (running) {
      const [row] = await context.superuser<{ n: number }>(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = ANY ($1) AND application_name LIKE 'aliquot %' AND state = 'idle in transaction'",
        [names],
      );
      most = Math.max(most, row?.n ?? 0);
    }
  })();
  await Promise.all(Array.from({ length: 60 }, (_, n) => work(orgs[n % orgs.length] as Org)));
  running = false;
  await watch;
  assert.ok(most >= 1 && most <= 4, `${most} at once`);
  await until("surplus connections to close", async () => {
    const [row] = await context.superuser<{ n: number }>(
      "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = ANY ($1)",
      [names],
    );
    return (row?.n ?? 9) <= 4;
  });
});

test("a database that is down harms its own organization only, and its users are told so", async () => {
  const [down, up] = [await makeOrg(context), await makeOrg(context)];
  await read(down);
  const away = `${down.database_name.slice(0, 50)}_away`;
  await until("the rename", async () => {
    await cut(context, down);
    return context.superuser(`ALTER DATABASE ${down.database_name} RENAME TO ${away}`).then(
      () => true,
      () => false,
    );
  });
  const ends = await Promise.allSettled([read(down), read(up), read(down), read(up), read(down)]);
  assert.deepEqual(
    ends.map((end) => end.status),
    ["rejected", "fulfilled", "rejected", "fulfilled", "rejected"],
  );
  for (const end of ends)
    if (end.status === "rejected") assert.ok(kind("unavailable")(end.reason), String(end.reason));
  await context.superuser(`ALTER DATABASE ${away} RENAME TO ${down.database_name}`);
  await read(down);
});

test("a database that takes no connections is unavailable", {}, async (t) => {
  const org = await makeOrg(context);
  await context.superuser(`ALTER DATABASE ${org.database_name} ALLOW_CONNECTIONS false`);
  t.after(() => context.superuser(`ALTER DATABASE ${org.database_name} ALLOW_CONNECTIONS true`));
  await assert.rejects(read(org), kind("unavailable"));
});

test("a connection that is cut between two statements of a transaction is unavailable, not a fault of ours", async () => {
  const org = await makeOrg(context);
  const call = context.results.forMachinery(org.org_id, async ({ tx }) => {
    await sql`SELECT 1`.execute(tx);
    await cut(context, org);
    await sleep(50);
    await sql`SELECT 2`.execute(tx);
  });
  await assert.rejects(call, kind("unavailable"));
  await read(org);
});

test("the fleet's migration takes every organization, reports the one that fails, and is mended by the next run", async () => {
  const fleet = await openTestContext({ after });
  const orgs = [await makeOrg(fleet), await makeOrg(fleet), await makeOrg(fleet)];
  const settings = { admin: fleet.admin, roles: fleet.roles, migrations: fleet.migrations.results };
  const versions = async () =>
    (
      await fleet.superuser<{ schema_version: number }>(
        "SELECT schema_version FROM org_databases ORDER BY org_id",
      )
    ).map((row) => row.schema_version);
  const latest = fleet.migrations.results.length;
  const down = await migrateFleet(fleet.metadata, settings, { direction: "down", steps: 1 });
  assert.deepEqual(
    down.map((result) => result.steps.map((step) => step.version)),
    [[latest], [latest], [latest]],
  );
  assert.deepEqual(await versions(), [latest - 1, latest - 1, latest - 1]);
  const [broken, fine] = orgs as [Org, Org];
  await fleet.superuser("CREATE TABLE docking_results (a int)", [], broken.database_name);
  const up = await migrateFleet(fleet.metadata, settings, { direction: "up" });
  const byOrg = new Map(up.map((result) => [result.org_id, result]));
  assert.match(byOrg.get(broken.org_id)?.error ?? "", /"docking_results" already exists/);
  assert.equal(byOrg.get(fine.org_id)?.error, undefined);
  assert.deepEqual((await versions()).toSorted(), [latest - 1, latest, latest]);
  await fleet.superuser("DROP TABLE docking_results", [], broken.database_name);
  // A crash between the database's commit and the directory's copy: the copy lags and is mended.
  await fleet.superuser("UPDATE org_databases SET schema_version = 1 WHERE org_id = $1", [fine.org_id]);
  await migrateFleet(fleet.metadata, settings, { direction: "up" });
  assert.deepEqual(await versions(), [latest, latest, latest]);
});

/** A budget over addresses that nothing listens at: pools open no connection until they are asked for one. */
function budgetOf(size: number, most: number): { budget: PoolBudget<{ key: number }>; opened: () => number } {
  let opened = 0;
  return { budget: new PoolBudget(size, most, () => ({ key: ++opened })), opened: () => opened };
}
const nowhere: ServerAddress = { host: "/nowhere", port: 1, user: "u", password: "p", database: "d" };
const fine = async () => {};

test("a pool is made once and kept; the least recently used idle one gives way", async () => {
  const { budget, opened } = budgetOf(1, 2);
  const use = (key: string) => budget.use(key, nowhere, fine, async (handle) => handle.key);
  assert.deepEqual([await use("a"), await use("b"), await use("a")], [1, 2, 1]);
  assert.equal(await use("c"), 3, "b gave way");
  assert.deepEqual([await use("a"), await use("b")], [1, 4]);
  assert.equal(opened(), 4);
  await budget[Symbol.asyncDispose]();
});

test("users of one pool that fails its check all see the error, and the next one tries anew", async () => {
  const { budget, opened } = budgetOf(1, 1);
  const failing = () =>
    budget.use(
      "a",
      nowhere,
      async () => Promise.reject(new Error("wrong database")),
      async () => 1,
    );
  const ends = await Promise.allSettled([failing(), failing(), failing()]);
  assert.ok(ends.every((end) => end.status === "rejected"));
  assert.equal(await budget.use("a", nowhere, fine, async () => 7), 7);
  assert.equal(await budget.use("b", nowhere, fine, async () => 8), 8, "room was given back");
  assert.ok(opened() >= 3);
  await budget[Symbol.asyncDispose]();
});

test("who waits for room gets it, in a crowd of any order", async () => {
  const { budget } = budgetOf(1, 2);
  let active = 0;
  const use = (key: string) =>
    budget.use(key, nowhere, fine, async () => {
      active++;
      await sleep(1);
      active--;
      return key;
    });
  const keys = Array.from({ length: 200 }, (_, n) => String((n * 7) % 11));
  assert.deepEqual(await Promise.all(keys.map(use)), keys);
  assert.equal(active, 0);
  await budget[Symbol.asyncDispose]();
});

test("an idle pool is not left unused while somebody waits for room", {}, async () => {
  const { budget } = budgetOf(1, 2);
  const gates = new Map<string, () => void>();
  const hold = (key: string, gate: string) =>
    budget.use(
      key,
      nowhere,
      fine,
      () => new Promise<string>((resolve) => gates.set(gate, () => resolve(gate))),
    );
  const one = hold("a", "a");
  const two = hold("b", "b");
  await sleep(1);
  const three = hold("c", "c1");
  const four = hold("c", "c2");
  const five = hold("d", "d");
  gates.get("a")?.(); // wakes three, which opens c in a's room
  await one;
  await sleep(1);
  gates.get("b")?.(); // wakes four, which finds c: b's room is idle and five goes on waiting
  await two;
  await sleep(20);
  const started = gates.has("d");
  for (const gate of ["c1", "c2"]) gates.get(gate)?.();
  await Promise.all([three, four]);
  await sleep(1);
  gates.get("d")?.();
  await five;
  await budget[Symbol.asyncDispose]();
  assert.ok(started);
});
