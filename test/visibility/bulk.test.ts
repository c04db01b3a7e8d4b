import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import { derivePassword, Secret } from "../../src/secrets.ts";
import { makeOrg, openTestContext, person } from "../support/context.ts";
import { testServer } from "../support/server.ts";

// What a login of an organization's database may do with the protocol itself: COPY, and roles.

const clients: pg.Client[] = [];
after(async () => {
  for (const client of clients) await client.end();
});
const context = await openTestContext({ after });
const org = await makeOrg(context);
const ann = await person(context, org, "scientist");
const bob = await person(context, org, "scientist");

/** A connection with the login that the product uses, in a transaction with ann's eyes. */
async function loginAsAnn(): Promise<pg.Client> {
  const server = await testServer();
  const password = derivePassword(new Secret(server.secret), `results:${org.org_id}:1`).reveal();
  const { database_name: database } = org;
  const client = new pg.Client({ ...server.admin, user: database, password, database });
  client.on("error", () => {});
  await client.connect();
  clients.push(client);
  await client.query(`BEGIN; SET LOCAL ROLE aliquot_member; SELECT set_config('app.current_org_id', '${org.org_id}', true),
    set_config('app.current_user_id', '${ann.user_id}', true), set_config('app.is_org_admin', 'off', true)`);
  return client;
}

/** The driver speaks COPY FROM STDIN only to who answers its message: one chunk, and the end. */
function copyIn(client: pg.Client, text: string, rows: string): Promise<void> {
  type Wire = { query(text: string): void; sendCopyFromChunk(chunk: Buffer): void; endCopyFrom(): void };
  return new Promise((resolve, reject) => {
    client.query({
      submit: (wire: Wire) => wire.query(text),
      handleCopyInResponse: (wire: Wire) => {
        wire.sendCopyFromChunk(Buffer.from(rows));
        wire.endCopyFrom();
      },
      handleError: reject,
      handleCommandComplete: () => {},
      handleReadyForQuery: () => resolve(),
    } as unknown as pg.Submittable);
  });
}

const code = (wanted: string) => (error: { code?: string }) => error.code === wanted;

test("COPY FROM is refused on a table with row security, so bulk can't go past the policies", async () => {
  const client = await loginAsAnn();
  const copied = copyIn(client, "COPY projects (owner_id, name) FROM STDIN", `${bob.user_id}\tforged\n`);
  await assert.rejects(copied, code("0A000"));
});

test("bulk goes by COPY into a TEMP table and INSERT … SELECT, which the policies judge", async () => {
  const client = await loginAsAnn();
  await client.query("CREATE TEMP TABLE bulk (LIKE projects INCLUDING DEFAULTS)");
  const rows = Array.from({ length: 500 }, (_, n) => `${ann.user_id}\tbulk ${n}\n`).join("");
  await copyIn(client, "COPY bulk (owner_id, name) FROM STDIN", rows);
  const insert = "INSERT INTO projects (owner_id, name) SELECT owner_id, name FROM bulk";
  assert.equal((await client.query(insert)).rowCount, 500);
  await client.query("DELETE FROM bulk");
  await copyIn(client, "COPY bulk (owner_id, name) FROM STDIN", `${bob.user_id}\tin his name\n`);
  await assert.rejects(client.query(insert), code("42501"));
});

test("a later statement gets no further than the login may: no owner, no administrator, no other organization", async () => {
  const other = await makeOrg(context);
  for (const text of [
    "SET ROLE aliquot_owner",
    "SET LOCAL ROLE aliquot_owner",
    "SELECT set_config('role', 'aliquot_owner', true)",
    `SET SESSION AUTHORIZATION ${other.database_name}`,
    `SET ROLE ${other.database_name}`,
    "SET session_replication_role = replica",
    "ALTER TABLE projects NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE projects DISABLE ROW LEVEL SECURITY",
    "DROP POLICY projects_member_read ON projects",
    "CREATE POLICY mine ON projects USING (true)",
    "GRANT SELECT ON schema_migrations TO aliquot_member",
    "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "CREATE TABLE mine ()",
    "CREATE EXTENSION dblink",
    "COPY projects TO PROGRAM 'true'",
    "SELECT pg_read_file('/etc/hostname')",
  ]) {
    const client = await loginAsAnn();
    await assert.rejects(
      client.query(text),
      (error: { code?: string }) => /^(42501|0A000)$/.test(error.code ?? ""),
      text,
    );
    await client.end();
    clients.splice(clients.indexOf(client), 1);
  }
  // Row security can't be switched off: the statement fails then, it does not show more.
  const client = await loginAsAnn();
  await client.query("SET LOCAL row_security = off");
  await assert.rejects(client.query("SELECT 1 FROM projects"), code("42501"));
});
