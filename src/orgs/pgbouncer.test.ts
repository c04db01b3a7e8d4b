import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { sql } from "kysely";
import {
  makeOrg,
  openTestContext,
  person,
  submitSmiles,
  type TestContext,
} from "../../test/support/context.ts";
import { PGBOUNCER, startPgBouncer } from "../../test/support/pgbouncer.ts";
import { databaseUrl, testServer } from "../../test/support/server.ts";
import { until } from "../../test/support/worker.ts";
import { viewerOf } from "../access/principal.ts";
import { parseConfig } from "../config.ts";
import { openContext } from "../context.ts";
import { withClient } from "../db/connect.ts";
import { AppError } from "../errors.ts";
import { derivePassword } from "../secrets.ts";
import { appPassword } from "../setup.ts";
import type { Org } from "./schema.ts";

const options = {
  skip: PGBOUNCER === undefined ? "pgbouncer is not installed (make services)" : false,
  timeout: 60_000,
};
/** What its tests share; nothing is opened where they are skipped. */
const setUp = PGBOUNCER === undefined ? undefined : await open();

async function open() {
  // The last opened is closed first: nobody must be in the databases when they go.
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  const cleaner = { after: (clean: () => Promise<void>) => stack.defer(clean) };
  const direct = await openTestContext(cleaner);
  const [one, two] = [await makeOrg(direct), await makeOrg(direct)];
  const login = (org: Org) => ({
    user: org.database_name,
    password: derivePassword(direct.secret, `results:${org.org_id}:1`).reveal(),
  });
  const server = await testServer();
  const app = { user: direct.roles.app, password: appPassword(direct.secret).reveal() };
  const address = { ...server.admin, database: direct.database };
  const bouncer = await startPgBouncer(cleaner, address, [app, login(one), login(two)]);
  const pooled = await openContext({
    config: parseConfig({
      DATABASE_URL: databaseUrl(bouncer, direct.database),
      DATABASE_DIRECT_URL: databaseUrl(server.admin, direct.database),
      DB_POOL_SIZE: "8",
      DB_RESULTS_POOL_SIZE: "8",
    }).config,
    home: mkdtempSync(join(server.base, "pooled-")),
    secret: direct.secret,
    say: () => {},
    toolkitThreads: 1,
  });
  stack.use(pooled);
  return { direct, one, two, login, bouncer, pooled };
}

test("people submit and read through it, many at once on two server connections", options, async () => {
  const { direct, one, pooled } = setUp!;
  const people = await Promise.all(Array.from({ length: 6 }, () => person(direct, one, "scientist")));
  const through = { ...direct, ...pooled } as TestContext;
  const submitted = await Promise.all(
    people.map((who, at) => submitSmiles(through, who, "C".repeat(at + 1), { visibility: "private" })),
  );
  assert.equal(submitted.flatMap((answer) => answer.jobs).length, 6);
  const seen = await Promise.all(
    Array.from({ length: 60 }, (_, at) =>
      pooled.results.read(people[at % 6]!, async ({ tx }) => {
        const rows = await tx.selectFrom("jobs").select(["job_id", "owner_id"]).execute();
        return rows.map((row) => row.owner_id);
      }),
    ),
  );
  for (const [at, owners] of seen.entries()) assert.deepEqual(owners, [people[at % 6]!.user_id]);
  const servers = await direct.superuser<{ n: number }>(
    "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = $1",
    [one.database_name],
  );
  assert.ok((servers[0]?.n ?? 99) <= 2);
});

test(
  "a role and its settings end with the transaction: the next client of the connection has none of them",
  options,
  async () => {
    const { direct, one, login, bouncer, pooled } = setUp!;
    const { user_id } = viewerOf(await person(direct, one, "admin"));
    const address = { ...bouncer, ...login(one), database: one.database_name };
    for (let round = 0; round < 4; round++) {
      await pooled.results.read({ ...(await person(direct, one, "admin")) }, async () => {});
      const [found] = await withClient(address, "aliquot tests", async (client) => {
        const answer = await client.query<{ role: string; org: string; who: string; admin: string }>(
          `SELECT current_user AS role, current_setting('app.current_org_id', true) AS org,
          current_setting('app.current_user_id', true) AS who, current_setting('app.is_org_admin', true) AS admin`,
        );
        await assert.rejects(client.query("SELECT * FROM jobs"), /permission denied/);
        return answer.rows;
      });
      assert.equal(found?.role, one.database_name);
      for (const setting of [found?.org, found?.who, found?.admin]) assert.ok(!setting, user_id);
    }
  },
);

test(
  "what is written again and again has no name there that another server connection would not know",
  options,
  async () => {
    const { one, pooled } = setUp!;
    const write = (n: number) =>
      pooled.results.forMachinery(one.org_id, async ({ tx }) => {
        for (const value of [n, n + 1]) await sql`SELECT ${value}::int AS n`.execute(tx);
        return n;
      });
    for (let round = 0; round < 5; round++)
      assert.equal((await Promise.all(Array.from({ length: 8 }, (_, at) => write(at)))).length, 8);
  },
);

test("dates are in UTC, whatever the database's default", options, async () => {
  const { direct, two, pooled } = setUp!;
  await direct.superuser(`ALTER DATABASE ${two.database_name} SET timezone = 'Asia/Tokyo'`);
  const zone = await pooled.results.forMachinery(two.org_id, async ({ tx }) => {
    const row = await sql<{ zone: string }>`SELECT current_setting('TimeZone') AS zone`.execute(tx);
    return row.rows[0]?.zone;
  });
  assert.equal(zone, "UTC");
});

test(
  "a database that was swapped behind it is refused on connections that did not notice",
  options,
  async () => {
    const { direct, one, two, pooled } = setUp!;
    const read = (org: Org) =>
      pooled.results.forMachinery(org.org_id, ({ tx }) => tx.selectFrom("jobs").select("job_id").execute());
    await Promise.all([read(one), read(two)]);
    const connections = pooled.results.stats().open;
    const aside = `aside_${one.database_name.slice(-12)}`;
    const swap = async () => {
      const names = [one.database_name, two.database_name];
      for (const name of names) await direct.superuser(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
      await direct.superuser(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY ($1)",
        [names],
      );
      await direct.superuser(`ALTER DATABASE ${one.database_name} RENAME TO ${aside}`);
      await direct.superuser(`ALTER DATABASE ${two.database_name} RENAME TO ${one.database_name}`);
      await direct.superuser(`ALTER DATABASE ${aside} RENAME TO ${two.database_name}`);
      await direct.superuser(`GRANT CONNECT ON DATABASE ${names.join(", ")} TO ${names.join(", ")}`);
      for (const name of names) await direct.superuser(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    };
    await swap();
    const ends = await Promise.allSettled([read(one), read(two)]);
    for (const end of ends) {
      assert.ok(end.status === "rejected" && end.reason instanceof AppError);
      assert.match(end.reason.message, /not the one the directory names/);
    }
    assert.equal(pooled.results.stats().open, connections, "these connections never broke");
    await swap();
    for (const org of [one, two]) await until("its return", () => read(org).catch(() => undefined));
  },
);
