import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { makeOrg, openTestContext } from "../../test/support/context.ts";
import { until } from "../../test/support/worker.ts";
import { linkOpener, withClient } from "../db/connect.ts";
import type { PoolSettings } from "../db/pools.ts";
import { ident, literal } from "../db/roles.ts";
import { slowLog } from "../db/slow.ts";
import { windowOf } from "../db/window.ts";
import { AppError } from "../errors.ts";
import type { Logger } from "../log.ts";
import { derivePassword } from "../secrets.ts";
import { ResultsDoor } from "./door.ts";
import type { Org } from "./schema.ts";

const context = await openTestContext({ after }, { env: { DB_POOL_SIZE: "1", DB_MAX_OVERFLOW: "3" } });
const orgs: Org[] = [];
for (let at = 0; at < 30; at++) orgs.push(await makeOrg(context));
const names = orgs.map((org) => org.database_name);
const [one, two, three] = orgs as [Org, Org, Org];

const unavailable = (error: unknown) => error instanceof AppError && error.kind === "unavailable";

/** A door of its own, as another process has one; `tried` counts connects by database. */
async function openDoor(settings: Partial<PoolSettings> = {}, log?: Logger) {
  const tried = new Map<string, number>();
  const open = linkOpener("aliquot test door");
  const door = new ResultsDoor(context.metadata, {
    servers: { metadata: context.admin },
    roles: context.roles,
    secret: context.secret,
    pools: {
      open: (address) => {
        tried.set(address.database, (tried.get(address.database) ?? 0) + 1);
        return open(address);
      },
      budget: 6,
      each: 2,
      recycle_seconds: 3600,
      ...settings,
    },
    window: windowOf("results", context.migrations.results),
    ...(log === undefined ? {} : { log: slowLog(log, 60_000, true) }),
  });
  const owner = (org: Org) =>
    door.forMachinery(org.org_id, async ({ tx }) => {
      const row = await tx.selectFrom("database_identity").select("org_id").executeTakeFirstOrThrow();
      return row.org_id;
    });
  return { door, tried, owner, [Symbol.asyncDispose]: () => door[Symbol.asyncDispose]() };
}

/** Ends every connection to a database and lets nobody in, so that it can be renamed. */
async function empty(database: string, work: () => Promise<unknown>): Promise<void> {
  await context.superuser(`ALTER DATABASE ${database} ALLOW_CONNECTIONS false`);
  await context.superuser("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", [
    database,
  ]);
  await work();
}

const rename = (from: string, to: string) => context.superuser(`ALTER DATABASE ${from} RENAME TO ${to}`);
const allow = (database: string) => context.superuser(`ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);

test("30 organizations in random order, many at once, stay within the budget as the server counts, and none waits for ever", async () => {
  await using lent = await openDoor({ budget: 7, each: 3 });
  let most = 0;
  let watching = true;
  const watch = withClient(context.admin, "aliquot test watch", async (client) => {
    while (watching) {
      const { rows } = await client.query<{ n: number }>(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = ANY ($1)",
        [names],
      );
      most = Math.max(most, rows[0]?.n ?? 0);
      await sleep(2);
    }
  });
  const visits = Array.from({ length: 300 }, (_, at) => orgs[(at * 17 + at ** 2) % orgs.length] as Org);
  const owners = await Promise.all(visits.map((org) => lent.owner(org)));
  watching = false;
  await watch;
  assert.deepEqual(
    owners,
    visits.map((org) => org.org_id),
  );
  assert.ok(most >= 3 && most <= 7, `${most} connections`);
  const { open, budget, waiting } = lent.door.stats();
  assert.ok(open <= budget && waiting === 0);
});

test("databases that were swapped under open pools are refused, and serve nobody's rows", async () => {
  await using lent = await openDoor();
  assert.deepEqual([await lent.owner(one), await lent.owner(two)], [one.org_id, two.org_id]);
  const aside = `aside_${one.database_name.slice(-12)}`;
  const swap = () =>
    empty(one.database_name, () =>
      empty(two.database_name, async () => {
        await rename(one.database_name, aside);
        await rename(two.database_name, one.database_name);
        await rename(aside, two.database_name);
        // Else the rights on the database alone would refuse them.
        await context.superuser(
          `GRANT CONNECT ON DATABASE ${one.database_name}, ${two.database_name} TO ${one.database_name}, ${two.database_name}`,
        );
        await Promise.all([one, two].map((org) => allow(org.database_name)));
      }),
    );
  await swap();
  for (const org of [one, two, one, two]) {
    await assert.rejects(
      until("more than a refused connect", () =>
        lent
          .owner(org)
          .catch((error) => (/tried again/.test(String(error)) ? undefined : Promise.reject(error))),
      ),
      (error) => unavailable(error) && /not the one the directory names/.test((error as AppError).message),
    );
  }
  await swap();
  for (const org of [one, two]) {
    assert.equal(await until("its return", () => lent.owner(org).catch(() => undefined)), org.org_id);
  }
});

test("another generation is noticed on the connection that is open, and a move is followed without being told", async () => {
  await using lent = await openDoor();
  assert.equal(await lent.owner(one), one.org_id);
  const become = (generation: number) =>
    context.superuser("UPDATE database_identity SET generation = $1", [generation], one.database_name);
  await become(2);
  await assert.rejects(lent.owner(one), /not the one the directory names/);
  assert.equal(lent.tried.get(one.database_name), 1, "the connection is the same");
  await context.superuser("UPDATE org_databases SET generation = 2 WHERE org_id = $1", [one.org_id]);
  assert.equal(await lent.owner(one), one.org_id, "the directory was asked again");
  const lease = { org_id: one.org_id, generation: 1, worker_id: one.org_id };
  await assert.rejects(
    lent.door.forLease(lease, async () => {}),
    (error) => error instanceof AppError && error.kind === "lost_lease",
  );
  await become(1);
  await context.superuser("UPDATE org_databases SET generation = 1 WHERE org_id = $1", [one.org_id]);
});

test("a lease does not follow its organization into a newer generation", async () => {
  await using lent = await openDoor();
  await lent.owner(three);
  const set = async (generation: number) => {
    await context.superuser(
      "UPDATE database_identity SET generation = $1",
      [generation],
      three.database_name,
    );
    await context.superuser("UPDATE org_databases SET generation = $2 WHERE org_id = $1", [
      three.org_id,
      generation,
    ]);
  };
  await set(2);
  let worked = false;
  // The place that is still known says 1, the database 2.
  const lease = { org_id: three.org_id, generation: 1, worker_id: three.org_id };
  await assert.rejects(
    lent.door.forLease(lease, async () => {
      worked = true;
    }),
    (error) => error instanceof AppError && error.kind === "lost_lease",
  );
  assert.equal(worked, false);
  await set(1);
});

test("a rotated password is found without being told", async () => {
  await using lent = await openDoor();
  await lent.owner(two);
  const password = (version: number) =>
    literal(derivePassword(context.secret, `results:${two.org_id}:${version}`).reveal());
  for (const version of [2, 3]) {
    await context.superuser(`ALTER ROLE ${ident(two.database_name)} PASSWORD ${password(version)}`);
    await context.superuser("UPDATE org_databases SET credential_version = $2 WHERE org_id = $1", [
      two.org_id,
      version,
    ]);
    await empty(two.database_name, () => allow(two.database_name));
    assert.equal(await lent.owner(two), two.org_id);
  }
});

test("a database that is down harms its own organization only, is not hammered, and is used when it is back", async () => {
  await using lent = await openDoor();
  await Promise.all([lent.owner(one), lent.owner(two), lent.owner(three)]);
  const away = `${one.database_name.slice(0, 50)}_away`;
  for (const [takeAway, bringBack] of [
    [() => empty(one.database_name, async () => {}), () => allow(one.database_name)],
    [
      () => empty(one.database_name, () => rename(one.database_name, away)),
      async () => {
        await rename(away, one.database_name);
        await allow(one.database_name);
      },
    ],
  ] as const) {
    await takeAway();
    const before = lent.tried.get(one.database_name) ?? 0;
    const ends = await Promise.allSettled(
      Array.from({ length: 60 }, (_, at) => lent.owner([one, two, three][at % 3] as Org)),
    );
    for (const [at, end] of ends.entries()) {
      if (at % 3 !== 0) assert.equal(end.status, "fulfilled");
      else assert.ok(end.status === "rejected" && unavailable(end.reason), JSON.stringify(end));
    }
    for (let at = 0; at < 50; at++) await assert.rejects(lent.owner(one), unavailable);
    const tries = (lent.tried.get(one.database_name) ?? 0) - before;
    assert.ok(tries >= 1 && tries <= 6, `${tries} connects for 70 visits`);
    await bringBack();
    assert.equal(await until("its return", () => lent.owner(one).catch(() => undefined)), one.org_id);
    assert.equal(lent.door.stats().broken, 0);
  }
});

test("who says that an organization changed need not wait for the breaker", async () => {
  await using lent = await openDoor();
  await empty(one.database_name, async () => {});
  for (let at = 0; at < 5; at++) await assert.rejects(lent.owner(one), unavailable);
  await allow(one.database_name);
  lent.door.forget(one.org_id);
  assert.equal(await lent.owner(one), one.org_id);
});

test("connections that the server ended while they were idle are replaced, and nobody notices", async () => {
  await using lent = await openDoor({ budget: 12 });
  const few = orgs.slice(0, 6);
  await Promise.all(few.flatMap((org) => [lent.owner(org), lent.owner(org)]));
  for (let round = 0; round < 3; round++) {
    // Told to end, and perhaps not gone yet: some of these visits find out only when they speak.
    await context.superuser(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ANY ($1) AND state = 'idle'",
      [names],
    );
    const back = await Promise.all(few.map((org) => lent.owner(org)));
    assert.deepEqual(
      back,
      few.map((org) => org.org_id),
    );
  }
});

test("a server at its connection limit is waited for, and where no place comes free that is what is said", async () => {
  await empty(one.database_name, () => allow(one.database_name));
  await context.superuser(`ALTER DATABASE ${one.database_name} CONNECTION LIMIT 1`);
  const login = {
    ...context.admin,
    user: one.database_name,
    password: derivePassword(context.secret, `results:${one.org_id}:1`).reveal(),
    database: one.database_name,
  };
  await using patient = await openDoor();
  const { promise: gate, resolve: leave } = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const holder = withClient(login, "aliquot test holder", async () => {
    entered.resolve();
    await gate;
  });
  await entered.promise;
  {
    // Closed before the place comes free: a last try of its own on the way must not take it.
    await using short = await openDoor({ patience_ms: 2000 });
    await assert.rejects(
      short.owner(one),
      (error) => unavailable(error) && /as many connections as it may have/.test((error as AppError).message),
    );
    assert.ok((short.tried.get(one.database_name) ?? 0) > 1, "it tried until its patience ended");
    assert.equal(await short.owner(two), two.org_id, "others go on");
  }
  const waits = patient.owner(one);
  await until("a first refusal", async () => (patient.tried.get(one.database_name) ?? 0) > 1);
  leave();
  await holder;
  assert.equal(await waits, one.org_id);
  await context.superuser(`ALTER DATABASE ${one.database_name} CONNECTION LIMIT -1`);
});

test("sessions say who they are, and speak UTC and ISO dates whatever the database's default", async () => {
  await context.superuser(`ALTER DATABASE ${one.database_name} SET timezone = 'Asia/Tokyo'`);
  await context.superuser(`ALTER DATABASE ${one.database_name} SET datestyle = 'German'`);
  await empty(one.database_name, () => allow(one.database_name));
  context.results.forget(one.org_id);
  const said = await context.results.forMachinery(one.org_id, async ({ tx }) => {
    const row = await sql<{ zone: string; style: string; name: string }>`
      SELECT current_setting('TimeZone') AS zone, current_setting('DateStyle') AS style,
        current_setting('application_name') AS name`.execute(tx);
    return row.rows[0];
  });
  assert.match(said?.name ?? "", new RegExp(`^aliquot \\d+\\.\\d+\\S* command ${process.pid}$`));
  assert.equal(said?.zone, "UTC");
  assert.match(said?.style ?? "", /^ISO/);
});

test("DB_ECHO logs every statement, and neither who acts nor any value", async () => {
  const lines: string[] = [];
  const note = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  await using lent = await openDoor({}, { debug: note, info: note, warn: note, error: note });
  await lent.door.forMachinery(one.org_id, async ({ tx }) => {
    await sql`SELECT ${"a secret"}::text, 'another'`.execute(tx);
  });
  assert.ok(lines.some((line) => line.includes("set_config")));
  assert.ok(lines.some((line) => line.includes("$1::text")));
  const all = lines.join("\n");
  for (const word of ["secret", "another", one.org_id]) assert.ok(!all.includes(word), all);
});

test("the pool of the metadata database widens by DB_MAX_OVERFLOW while it is busy, and no more", async () => {
  const most = context.metadata.stats();
  assert.equal(most.budget, 4);
  let inside = 0;
  let seen = 0;
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const users = Array.from({ length: 10 }, () =>
    context.metadata.system(async (tx) => {
      await sql`SELECT 1`.execute(tx);
      seen = Math.max(seen, ++inside);
      await gate;
      inside--;
    }),
  );
  await until("four at once", async () => inside === 4);
  open();
  await Promise.all(users);
  assert.equal(seen, 4);
  await until("the surplus to close", async () => context.metadata.stats().open === 1);
});
