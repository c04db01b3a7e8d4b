import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import { makeOrg, openTestContext } from "../support/context.ts";
import { testServer } from "../support/server.ts";
import { metadataMatrix } from "./metadata.ts";
import { EQUIVALENT, mutantsOf, tryMutants } from "./mutants.ts";
import { orgsOf } from "./people.ts";
import { prepare, violations } from "./probe.ts";
import { resultsMatrix } from "./results.ts";
import type { Matrix } from "./table.ts";

// First, because a context drops its databases when it goes.
const clients: pg.Client[] = [];
after(async () => {
  for (const client of clients) await client.end();
});
const context = await openTestContext({ after });
const home = await makeOrg(context);
const other = await makeOrg(context);
const orgs = orgsOf(home, other);

async function open(place: string, database: string, matrix: Matrix) {
  const { superuser } = await testServer();
  const client = new pg.Client({ ...superuser, database });
  client.on("error", () => {}); // the context's own cleaning may end it first
  await client.connect();
  clients.push(client);
  const probes = await prepare(client, matrix, orgs);
  return { place, database, client, matrix, probes };
}

const places = [
  await open("results", home.database_name, resultsMatrix(home.org_id)),
  await open("metadata", context.database, metadataMatrix(orgs)),
];

for (const { place, client, probes, matrix } of places)
  test(`${place}: everybody sees and changes what the matrix says of every table, and nothing else`, async (t) => {
    await client.query("BEGIN");
    assert.deepEqual(await violations(client), []);
    await client.query("ROLLBACK");
    t.diagnostic(`${place}: ${probes} probes of ${Object.keys(matrix.tables).length} tables`);
  });

test("a backup by the owner has the rows that no member sees", async () => {
  for (const { client, matrix } of places)
    for (const [table, { rows }] of Object.entries(matrix.tables)) {
      const count = async (role: string) => {
        const text = `SELECT count(*)::integer AS rows FROM ${table}`;
        await client.query(`BEGIN; SET LOCAL ROLE ${role}`);
        const counted = await client.query<{ rows: number }>(text);
        await client.query("ROLLBACK");
        return counted.rows[0]?.rows ?? 0;
      };
      const all = await count("none");
      assert.ok(all >= rows.length, `${table} holds the made-up rows`);
      assert.equal(await count("aliquot_owner"), all, table);
    }
});

const excuses = new Set<RegExp>();

// Two databases, two connections: at once.
test("every way to break row security is noticed", { concurrency: true }, async (t) => {
  await Promise.all(
    places.map(({ place, client, matrix }) =>
      t.test(place, async (t) => {
        const mutants = await mutantsOf(client, matrix);
        const { tried, survivors } = await tryMutants(client, mutants);
        const excused = survivors.filter((name) => {
          const excuse = EQUIVALENT.find(([of]) => of.test(name));
          if (excuse !== undefined) excuses.add(excuse[0]);
          return excuse !== undefined;
        });
        t.diagnostic(
          `${place}: ${tried - survivors.length} of ${tried} mutants killed, ${excused.length} change nothing`,
        );
        assert.deepEqual(
          survivors.filter((name) => !excused.includes(name)),
          [],
        );
      }),
    ),
  );
  const stale = EQUIVALENT.filter(([of]) => !excuses.has(of));
  assert.deepEqual(stale, [], "an excuse that no survivor needs");
});
