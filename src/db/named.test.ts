import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openTestContext } from "../../test/support/context.ts";
import { testServer } from "../../test/support/server.ts";
import { AppError } from "../errors.ts";
import { type Link, linkOpener } from "./connect.ts";
import { LentClient } from "./lent.ts";
import { StatementNames } from "./named.ts";
import { isCollision, translateDbError } from "./postgres-errors.ts";

const context = await openTestContext({ after });
const address = { ...(await testServer()).superuser, database: context.database };
const [system, member] = [context.roles.system, context.roles.member];

/** A connection as a pool has it, and transactions on it as a door begins them. */
async function open(t: { after(work: () => Promise<void>): void }) {
  const link = await linkOpener("aliquot named")(address);
  t.after(() => link.close());
  const lend = () => new LentClient({ link, giveBack: () => {}, renew: () => Promise.reject(new Error()) });
  const say = async (begin: string, role: string, text: string, values: unknown[]) => {
    const client = lend();
    await client.query(begin);
    try {
      await client.query(`SELECT set_config('role', '${role}', true)`);
      return (await client.query(text, values)).rows;
    } finally {
      await client.query("rollback");
    }
  };
  const write = (role: string, text: string, values: unknown[]) =>
    say("start transaction read write", role, text, values);
  return { link, say, write };
}

async function kept(link: Link) {
  const { rows } = await link.query(
    "SELECT statement, generic_plans::int AS generic FROM pg_prepared_statements ORDER BY name",
    [],
  );
  return rows as { statement: string; generic: number }[];
}

/** Names once it is known that nothing stands between. */
async function namesOf(direct: boolean) {
  const names = new StatementNames(async () => direct);
  for (let times = 0; times < 2; times++) names.nameOf("r", "warm");
  await new Promise(setImmediate);
  return names;
}

test("a text is named when it is said again by the same role, and no more texts than a hundred", async () => {
  const names = await namesOf(true);
  assert.deepEqual(
    [1, 2, 3].map(() => names.nameOf("r", "SELECT 1")),
    [undefined, "s1", "s1"],
  );
  assert.deepEqual(
    [1, 2].map(() => names.nameOf("other", "SELECT 1")),
    [undefined, "s2"],
  );
  for (const at of Array(200).keys())
    for (let times = 0; times < 2; times++) names.nameOf("r", `SELECT ${at + 2}`);
  assert.equal(names.nameOf("r", "SELECT 99"), "s100");
  assert.equal(names.nameOf("r", "SELECT 150"), undefined);
});

test("nothing is named behind a pooler, nor what may answer with more columns tomorrow", async () => {
  const [pooled, direct] = [await namesOf(false), await namesOf(true)];
  const third = (names: StatementNames, text: string) => [1, 2, 3].map(() => names.nameOf("r", text)).at(-1);
  assert.equal(third(pooled, "SELECT 1"), undefined);
  for (const text of [
    "SELECT * FROM a",
    'select "j".* from a',
    "UPDATE a SET b = 1 RETURNING *",
    "SELECT 1, a.* FROM a",
  ])
    assert.equal(third(direct, text), undefined, text);
  for (const text of ["SELECT count(*), a * 2 FROM a", "INSERT INTO a SELECT * FROM unnest($1)"])
    assert.notEqual(third(direct, text), undefined, text);
});

test("the server keeps what a role writes again and again; people's questions it plans as they come", async (t) => {
  const { link, say, write } = await open(t);
  for (let times = 0; times < 8; times++) {
    for (const role of [system, member]) await write(role, "SELECT $1::int AS written", [times]);
    await write(system, "SELECT cardinality($1::int[]) AS many", [Array(101).fill(times)]);
    await say("start transaction read only", member, "SELECT $1::int AS asked", [times]);
    await say("begin", member, "SELECT $1::int AS begun", [times]);
  }
  const found = await kept(link);
  assert.deepEqual(
    found.map(({ statement }) => statement),
    Array(2).fill("SELECT $1::int AS written"),
  );
  // The sixth time on, for each role: neither made the other's plan again.
  for (const { generic } of found) assert.ok(generic >= 1, `${generic}`);
});

test("a plan made while its table was small does not outlive three seconds of growth", async (t) => {
  const { link, write } = await open(t);
  await context.superuser(
    `CREATE TABLE growing (n int PRIMARY KEY); INSERT INTO growing VALUES (1); ANALYZE growing; GRANT SELECT ON growing TO ${system}`,
  );
  const ask = () => write(system, "SELECT n FROM growing WHERE n = $1", [1]);
  for (let times = 0; times < 9; times++) await ask();
  const plan = async () => JSON.stringify((await link.query("EXPLAIN EXECUTE s1 (1)", [])).rows);
  assert.match(await plan(), /Seq Scan/);
  await context.superuser("INSERT INTO growing SELECT generate_series(2, 20000)");
  await ask();
  assert.match(await plan(), /Seq Scan/, "no one told the server: this is what is to be cured");
  const now = performance.now();
  t.mock.method(performance, "now", () => now + 3001);
  await ask();
  assert.match(await plan(), /Index Only Scan/);
});

test("a migration under open connections: most go on, and what the server refuses to run is told and mended", async (t) => {
  const { link, write } = await open(t);
  await context.superuser(`CREATE TABLE migrated (n int); GRANT SELECT ON migrated TO ${system}`);
  const [plain, hidden] = [
    "SELECT n FROM migrated WHERE n > $1",
    "SELECT (m).* FROM migrated m WHERE n > $1",
  ];
  for (let times = 0; times < 8; times++) for (const text of [plain, hidden]) await write(system, text, [0]);
  await context.superuser("ALTER TABLE migrated ADD COLUMN more text");
  await write(system, plain, [0]);
  assert.equal(link.clean, true);
  await assert.rejects(write(system, hidden, [0]), (error) => {
    const told = translateDbError(error);
    return told instanceof AppError && told.kind === "unavailable" && isCollision(told);
  });
  assert.equal(
    link.clean,
    false,
    "a pool closes it, and the next connection knows nothing of the old columns",
  );
});
