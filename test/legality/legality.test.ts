import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import pg from "pg";
import { makeOrg, openTestContext } from "../support/context.ts";
import { testServer } from "../support/server.ts";
import { $, METADATA, RESULTS } from "./rows.ts";
import { ALLOWED, type Place, REFUSED } from "./statements.ts";

// What the tables themselves refuse, whoever asks and whatever code thinks: tried as the superuser, whom no
// policy stops, each attempt in a transaction that is rolled back.

const context = await openTestContext({ after });
const org = await makeOrg(context);

const clients: Partial<Record<Place, pg.Client>> = {};

before(async () => {
  const { superuser } = await testServer();
  for (const [place, database, rows] of [
    ["metadata", context.database, METADATA],
    ["results", org.database_name, RESULTS],
  ] as const) {
    const client = new pg.Client({ ...superuser, database });
    client.on("error", () => {}); // the context's own cleaning may end it first
    await client.connect();
    await client.query("BEGIN");
    await client.query(rows);
    clients[place] = client;
  }
});
after(async () => {
  for (const client of Object.values(clients)) await client?.end();
});

/** What a statement meets: the name of what refused it, or its SQLSTATE; null where it went through. */
async function refusal(place: Place, text: string): Promise<string | null> {
  const client = clients[place] as pg.Client;
  await client.query("SAVEPOINT attempt");
  try {
    await client.query(text);
    return null;
  } catch (error) {
    const { constraint, code, message } = error as { constraint?: string; code?: string; message: string };
    return `${constraint ?? code} ${message}`;
  } finally {
    await client.query("ROLLBACK TO SAVEPOINT attempt");
  }
}

for (const [place, by, text] of REFUSED) {
  test(`${place}: ${by} refuses ${text.replaceAll(/\s+/g, " ").slice(0, 90)}`, async () => {
    const met = await refusal(place, text);
    assert.ok(met !== null, "it went through");
    assert.ok(met.startsWith(`${by} `), met);
  });
}

for (const [place, text] of ALLOWED) {
  test(`${place}: goes through: ${text.replaceAll(/\s+/g, " ").slice(0, 90)}`, async () => {
    assert.equal(await refusal(place, text), null);
  });
}

test("an event of a month that nobody made a partition for waits in the default one and is moved when its month is made", async () => {
  const client = clients.results as pg.Client;
  const where = async () =>
    (
      await client.query<{ part: string; n: string }>(
        "SELECT tableoid::regclass::text AS part, count(*) AS n FROM job_events GROUP BY 1 ORDER BY 1",
      )
    ).rows.map((row) => `${row.part} ${row.n}`);
  await client.query("SAVEPOINT attempt");
  const [now] = (
    await client.query<{ here: string; far: string }>(
      "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY_MM') AS here, to_char((now() AT TIME ZONE 'UTC') + interval '8 months', 'YYYY_MM') AS far",
    )
  ).rows;
  await client.query(
    `INSERT INTO job_events (job_id, seq_no, event, ts) VALUES (${$("job")}, 2, 'old', '2019-12-31T23:59:59.999999Z'),
      (${$("job")}, 3, 'old', '2020-01-01T00:00:00Z'), (${$("job")}, 4, 'far', now() + interval '8 months'),
      (${$("job")}, 5, 'a clock gone wrong', '2219-01-01T00:00:00Z')`,
  );
  assert.deepEqual(await where(), [`job_events_${now?.here} 1`, "job_events_default 4"]);
  const made = await client.query<{ made: number }>("SELECT ensure_partitions() AS made");
  assert.equal(made.rows[0]?.made, 3);
  assert.deepEqual(
    (await where()).toSorted(),
    [
      "job_events_2019_12 1",
      "job_events_2020_01 1",
      `job_events_${now?.here} 1`,
      `job_events_${now?.far} 1`,
      "job_events_default 1",
    ].toSorted(),
  );
  assert.equal(
    (await client.query("SELECT ensure_partitions() AS made")).rows[0].made,
    0,
    "again: nothing to do",
  );
  const granted = await client.query(
    "SELECT 1 FROM pg_class WHERE relispartition AND relname LIKE 'job_events%' AND relacl::text LIKE '%member%'",
  );
  assert.equal(granted.rowCount, 0, "people reach events through the one table");
  await client.query("ROLLBACK TO SAVEPOINT attempt");
});
