import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import type { PostgresPool } from "kysely";
import { type FakeServer, fakeAddress, fakeServer } from "../../test/support/fake-links.ts";
import { until } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { Breaker } from "./breaker.ts";
import { PoolBudget, type PoolSettings } from "./pools.ts";

const unavailable = (error: unknown) => error instanceof AppError && error.kind === "unavailable";
const down = () => Object.assign(new Error("no such database"), { code: "3D000" });
const full = () => Object.assign(new Error("too many clients already"), { code: "53300" });

/** Pools over a fake server; `use` borrows a connection as Kysely does. */
function poolsOver(server: FakeServer, settings: Partial<PoolSettings> = {}) {
  const pools = new PoolBudget<PostgresPool>(
    { open: server.open, budget: 4, each: 2, recycle_seconds: 3600, breaks: true, ...settings },
    (pool) => pool,
  );
  const use = async <T>(key: string, work: (database: string) => T | Promise<T>): Promise<T> => {
    const client = await pools.handle(key, () => fakeAddress(key)).connect();
    try {
      const { rows } = await client.query<{ database: string }>("SELECT", []);
      return await work(rows[0]?.database ?? "");
    } finally {
      client.release();
    }
  };
  return { pools, use };
}

test("1,000 databases in any order, with failures and delays, never pass the budget, and everybody gets an answer", async () => {
  const visit = fc.record({ database: fc.nat(999), ms: fc.nat(3), fails: fc.nat(20) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(visit, { minLength: 200, maxLength: 600 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 4 }),
      fc.infiniteStream(fc.nat(2)),
      async (visits, budget, each, delays) => {
        const server = fakeServer();
        server.delay = () => delays.next().value ?? 0;
        server.refuse = (name) => (Number(name) % 29 === 7 ? down() : undefined);
        const { pools, use } = poolsOver(server, { budget, each });
        const lent = new Map<string, number>();
        const ends = await Promise.allSettled(
          visits.map(({ database, ms, fails }) =>
            use(String(database), async (served) => {
              assert.equal(served, String(database));
              lent.set(served, (lent.get(served) ?? 0) + 1);
              assert.ok((lent.get(served) ?? 0) <= each, "more than one database may have");
              await sleep(ms);
              lent.set(served, (lent.get(served) ?? 0) - 1);
              if (fails === 0) throw new Error("the work failed");
            }),
          ),
        );
        for (const [index, end] of ends.entries()) {
          const { database, fails } = visits[index]!;
          const expected = database % 29 === 7 || fails === 0 ? "rejected" : "fulfilled";
          assert.equal(end.status, expected, `${database}: ${JSON.stringify(end)}`);
        }
        assert.ok(server.most <= budget, `${server.most} connections of ${budget}`);
        assert.equal(pools.stats().waiting, 0);
        await pools[Symbol.asyncDispose]();
        assert.equal(server.now, 0, "all are closed");
      },
    ),
    // A smaller example of a failure would take minutes to find.
    { numRuns: 8, endOnFailure: true },
  );
});

test("a connection counts until the server let it go, not only until we said goodbye", async () => {
  const server = fakeServer();
  const { pools, use } = poolsOver(server, { budget: 1, each: 1 });
  await use("a", () => {});
  server.delay = () => 20;
  await Promise.all([use("b", () => {}), use("c", () => {}), use("d", () => {})]);
  assert.equal(server.most, 1);
  await pools[Symbol.asyncDispose]();
});

test("an idle connection is used again, and the one that was idle longest gives way", async () => {
  const server = fakeServer();
  const { pools, use } = poolsOver(server, { budget: 2, each: 1 });
  for (const key of ["a", "b", "a", "c", "a", "b"]) await use(key, () => {});
  assert.deepEqual(Object.fromEntries(server.attempts), { a: 1, b: 2, c: 1 });
  await pools[Symbol.asyncDispose]();
});

test("a database in constant use does not keep the room from the one that waits", async () => {
  const server = fakeServer();
  const { pools, use } = poolsOver(server, { budget: 1, each: 1 });
  let more = true;
  const busy = async () => {
    while (more) await use("busy", () => sleep(0));
  };
  const all = [busy(), busy(), busy()];
  await sleep(5);
  await use("quiet", () => {});
  more = false;
  await Promise.all(all);
  await pools[Symbol.asyncDispose]();
});

test("of a database that can't be reached one connection is tried, and all who waited hear why", async () => {
  const server = fakeServer();
  server.delay = () => 5;
  server.refuse = () => down();
  const { pools, use } = poolsOver(server);
  const ends = await Promise.allSettled(Array.from({ length: 10 }, () => use("a", () => {})));
  assert.ok(ends.every((end) => end.status === "rejected" && end.reason.code === "3D000"));
  assert.equal(server.attempts.get("a"), 1);
  await assert.rejects(
    use("a", () => {}),
    (error) => unavailable(error) && /tried again in/.test((error as AppError).message),
  );
  assert.equal(server.attempts.get("a"), 1, "it is left alone for a moment");
  assert.deepEqual([pools.stats().broken, pools.stats().open, pools.stats().waiting], [1, 0, 0]);
  server.refuse = () => undefined;
  await until("its return", () =>
    use("a", () => true).catch((error) => (unavailable(error) ? false : Promise.reject(error))),
  );
  assert.equal(server.attempts.get("a"), 2);
  await pools[Symbol.asyncDispose]();
});

test("a database that does not answer holds one connection of the budget, and keeps nobody else", async () => {
  const server = fakeServer();
  const { promise: silence, resolve: hangUp } = Promise.withResolvers<unknown>();
  server.refuse = (name) => (name === "hung" ? silence : undefined);
  const { pools, use } = poolsOver(server);
  const hung = Promise.allSettled(Array.from({ length: 10 }, () => use("hung", () => {})));
  const fine = await Promise.all(Array.from({ length: 30 }, (_, n) => use(`fine ${n}`, () => n)));
  assert.equal(fine.length, 30);
  assert.equal(server.attempts.get("hung"), 1);
  hangUp(down());
  for (const end of await hung) assert.equal(end.status, "rejected");
  assert.equal(pools.stats().waiting, 0);
  await pools[Symbol.asyncDispose]();
});

test("the breaker doubles its pause up to 3 s, and closes with the first success", () => {
  const breaker = new Breaker();
  const pauses = Array.from({ length: 8 }, () => {
    breaker.failed(1000, "why");
    return breaker.wait(1000);
  });
  assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 3000, 3000, 3000]);
  assert.equal(breaker.wait(4000), 0);
  assert.ok(breaker.tripped, "but only one may try");
  breaker.succeeded();
  assert.deepEqual([breaker.tripped, breaker.wait(1000)], [false, 0]);
});

test("where the server is full its clients wait and are served when there is room, and else hear of it", async () => {
  const server = fakeServer();
  server.refuse = (_, now) => (now > 2 ? full() : undefined);
  const { pools, use } = poolsOver(server, { budget: 10, each: 1 });
  const visits = Array.from({ length: 12 }, (_, n) => use(String(n), () => sleep(3)));
  await Promise.all(visits);
  server.refuse = () => full();
  const poor = poolsOver(server, { patience_ms: 400 });
  await assert.rejects(
    poor.use("x", () => {}),
    (error) => unavailable(error) && /as many connections as it may have/.test((error as AppError).message),
  );
  assert.ok((server.attempts.get("x") ?? 0) >= 2, "it was tried again");
  assert.equal(poor.pools.stats().broken, 0, "a full server is no broken database");
  await Promise.all([pools[Symbol.asyncDispose](), poor.pools[Symbol.asyncDispose]()]);
});

test("who found the server full asks again by themselves, each time and with nobody else's help", async () => {
  const server = fakeServer();
  server.refuse = (name) => ((server.attempts.get(name) ?? 0) < 5 ? full() : undefined);
  // One each: a retry that a timer forgot would otherwise be made good by whoever comes or goes next.
  const alone = Array.from({ length: 400 }, (_, n) => ({ n, ...poolsOver(server, { patience_ms: 5000 }) }));
  await Promise.all(alone.map(({ n, use }) => use(String(n), () => {})));
  await Promise.all(alone.map(({ pools }) => pools[Symbol.asyncDispose]()));
});

test("who waits too long is told what was in use", async () => {
  const server = fakeServer();
  const { pools, use } = poolsOver(server, { budget: 2, each: 1, patience_ms: 300 });
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const holders = [use("a", () => gate), use("b", () => gate)];
  await assert.rejects(
    use("a", () => {}),
    (error) => unavailable(error) && /all 1 connections to this database/.test((error as AppError).message),
  );
  await assert.rejects(
    use("c", () => {}),
    (error) => unavailable(error) && /all 2 connections of this process/.test((error as AppError).message),
  );
  open();
  await Promise.all(holders);
  assert.equal(await use("c", (database) => database), "c");
  await pools[Symbol.asyncDispose]();
});

test("a connection is replaced when it is old, when it died, and when it comes back in a transaction", async () => {
  const server = fakeServer();
  const { pools, use } = poolsOver(server, { recycle_seconds: 0.03 });
  const opened = () => server.attempts.get("a");
  await use("a", () => {});
  await use("a", () => {});
  assert.equal(opened(), 1);
  await sleep(40);
  await use("a", () => {});
  assert.equal(opened(), 2, "old");
  server.links.get("a")?.at(-1)?.lose();
  await use("a", () => {});
  assert.equal(opened(), 3, "died");
  const client = await pools.handle("a", () => fakeAddress("a")).connect();
  await client.query("begin", []);
  await client.query("SELECT", []);
  client.release();
  await use("a", () => {});
  assert.equal(opened(), 4, "in a transaction");
  await pools[Symbol.asyncDispose]();
});

test("surplus connections close when they are idle, the others stay", async () => {
  const server = fakeServer();
  const { pools, use } = poolsOver(server, { budget: 6, each: 6, keep: 2 });
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const first = use("a", () => gate);
  const users = [first, ...Array.from({ length: 5 }, () => use("a", () => gate))];
  await until("all six", async () => server.now === 6);
  open();
  await Promise.all(users);
  await until("the surplus to go", async () => server.now === 2);
  assert.equal(pools.stats().idle, 2);
  await pools[Symbol.asyncDispose]();
});

test("BEGIN travels with the statement after it, and a transaction of nothing sends nothing", async () => {
  const server = fakeServer();
  const { pools } = poolsOver(server);
  const client = await pools.handle("a", () => fakeAddress("a")).connect();
  await client.query("start transaction read only", []);
  await client.query("SELECT role", []);
  await client.query("SELECT $1", [1]);
  await client.query("commit", []);
  await client.query("begin", []);
  await client.query("rollback", []);
  await client.query("begin", []);
  await client.query("SELECT $1", [1]);
  await client.query("rollback", []);
  client.release();
  assert.deepEqual(server.said, [
    "a: start transaction read only; SELECT role",
    "a: SELECT $1",
    "a: commit",
    "a: begin",
    "a: SELECT $1",
    "a: rollback",
  ]);
  await pools[Symbol.asyncDispose]();
});

test("a connection that died unseen is replaced before anything was done, once, and never in a transaction", async () => {
  const server = fakeServer();
  const { pools, use } = poolsOver(server, { each: 4 });
  await Promise.all([use("a", () => sleep(2)), use("a", () => sleep(2)), use("a", () => sleep(2))]);
  const [opened, dead] = [server.attempts.get("a") ?? 0, new Set(server.links.get("a"))];
  const hungUp = new Error("Connection terminated unexpectedly");
  // The line is dead and nobody has noticed.
  for (const link of dead) link.query = () => Promise.reject(hungUp);
  const client = await pools.handle("a", () => fakeAddress("a")).connect();
  await client.query("begin", []);
  await client.query("SELECT role", []);
  assert.equal(server.attempts.get("a"), opened + 1, "a new one, and none of those that lay idle beside it");
  server.spoil = () => hungUp;
  await assert.rejects(client.query("INSERT", []), hungUp);
  client.release(true);
  const again = await pools.handle("a", () => fakeAddress("a")).connect();
  await again.query("begin", []);
  await assert.rejects(again.query("SELECT role", []), hungUp);
  again.release(true);
  await pools[Symbol.asyncDispose]();
  assert.equal(server.now, 0);
});

test("closing refuses who waits, and waits for who works", async () => {
  const server = fakeServer();
  const { pools, use } = poolsOver(server, { budget: 1, each: 1 });
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const works = use("a", () => gate);
  const waits = use("b", () => {});
  await until("the first to be lent", async () => server.said.length > 0);
  const closing = pools[Symbol.asyncDispose]();
  await assert.rejects(waits, unavailable);
  await assert.rejects(
    use("c", () => {}),
    unavailable,
  );
  assert.equal(server.now, 1);
  open();
  await Promise.all([works, closing]);
  assert.equal(server.now, 0);
});
