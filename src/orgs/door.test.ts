import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { makeOrg, openTestContext, person, type TestContext } from "../../test/support/context.ts";
import { until } from "../../test/support/worker.ts";
import { windowOf } from "../db/window.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
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

test("a schema older than the window waits for its migration; a newer one is served unless it is marked breaking", async () => {
  const org = await makeOrg(context);
  const { min, max } = windowOf("results", context.migrations.results);
  await directory(org, `schema_version = ${min - 1}`);
  await assert.rejects(read(org), kind("org_upgrading"));
  await directory(org, `schema_version = ${max + 2}, breaking_version = ${max}`);
  await read(org);
  await directory(org, `breaking_version = ${max + 1}`);
  await assert.rejects(read(org), kind("app_too_old"));
  await directory(org, `schema_version = ${max}, breaking_version = 0`);
  await read(org);
});

test("a suspended organization is read and not written, as is one that is to be deleted; a deleted one is not there", async () => {
  const org = await makeOrg(context);
  const scientist = await person(context, org, "scientist");
  const become = async (change: string) => {
    await context.superuser(`UPDATE organizations SET ${change} WHERE org_id = $1`, [org.org_id]);
    context.results.forget(org.org_id);
  };
  for (const change of [
    "status = 'suspended', suspended_at = now()",
    "status = 'deleting', delete_after = now()",
  ]) {
    await become(change);
    await context.results.read(scientist, async () => {});
    await assert.rejects(
      context.results.transact(scientist, async () => {}),
      kind("conflict"),
    );
  }
  await become("status = 'deleted', deleted_at = now()");
  await assert.rejects(
    context.results.read(scientist, async () => {}),
    kind("not_found"),
  );
});

test("a frozen database is unavailable, and its users are told why", async () => {
  const org = await makeOrg(context);
  await directory(org, "state = 'frozen'");
  await assert.rejects(
    read(org),
    (error) => kind("unavailable")(error) && /frozen/.test((error as Error).message),
  );
  await directory(org, "state = 'active'");
  await read(org);
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
