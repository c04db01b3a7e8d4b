import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import { newId } from "../../src/ids.ts";
import { makeOrg, openTestContext } from "../support/context.ts";
import { testServer } from "../support/server.ts";
import { until } from "../support/worker.ts";

// Two at once: what a table refuses must also be refused to the one who came a moment earlier.

const context = await openTestContext({ after });
const org = await makeOrg(context);
const ask = (text: string) => context.superuser(text, [], org.database_name);

async function session(): Promise<pg.Client> {
  const { superuser } = await testServer();
  const client = new pg.Client({ ...superuser, database: org.database_name });
  client.on("error", () => {});
  await client.connect();
  after(() => client.end().catch(() => {}));
  return client;
}

/** Until a session waits for a lock: without that the test would show nothing. */
const waiting = (client: pg.Client) =>
  until("a session that waits", async () => {
    const [row] = await context.superuser<{ waits: boolean }>(
      "SELECT wait_event_type = 'Lock' AS waits FROM pg_stat_activity WHERE pid = $1",
      [(client as unknown as { processID: number }).processID],
    );
    return row?.waits === true;
  });

test("a member that comes while a dataset is frozen waits for it and is refused", async () => {
  const [dataset, molecule] = [newId(), newId()];
  await ask(
    `INSERT INTO molecules (molecule_id, identity_key, identity_kind, identity_version, compound_key, skeleton_key, smiles, formula, charge, stereo_status, toolkit_version, heavy_atoms)
       VALUES ('${molecule}', 'KEY-1', 'inchi', 1, 'C', 'S', 'C', 'CH4', 0, 'none', 't', 1);
     INSERT INTO datasets (dataset_id, name, query, split, owner_id) VALUES ('${dataset}', 'd', '{}', '{}', new_id())`,
  );
  const [freezer, adder] = [await session(), await session()];
  await freezer.query(`BEGIN; UPDATE datasets SET frozen_at = now() WHERE dataset_id = '${dataset}'`);
  const added = adder.query(
    `INSERT INTO dataset_members (dataset_id, member_no, molecule_id, split, group_key) VALUES ('${dataset}', 1, '${molecule}', 'train', 'g')`,
  );
  const refused = assert.rejects(added, /frozen and never changes/);
  await waiting(adder);
  await freezer.query("COMMIT");
  await refused;
});

test("months are made beside whoever writes jobs and events, and neither dies of the other", async () => {
  const [next] = (await ask(
    "SELECT 'job_events_' || to_char((now() AT TIME ZONE 'UTC') + interval '2 months', 'YYYY_MM') AS part",
  )) as { part: string }[];
  await ask(`DROP TABLE ${next?.part}`);
  await ask(
    `INSERT INTO pipeline_specs (spec_hash, name, version, spec) VALUES (repeat('0', 64), 'p', '1', '{"version":"1","tasks":{}}')`,
  );
  const [writer, maker] = [await session(), await session()];
  const job = newId();
  await writer.query(
    `BEGIN; INSERT INTO jobs (job_id, spec_hash, pipeline_version, input_signature, params, owner_id)
       VALUES ('${job}', repeat('0', 64), '1', repeat('0', 64), '{}', new_id())`,
  );
  const made = maker.query<{ made: number }>("SELECT ensure_partitions() AS made");
  await waiting(maker);
  await writer.query(`INSERT INTO job_events (job_id, seq_no, event) VALUES ('${job}', 1, 'submitted')`);
  await writer.query("SELECT count(*) FROM job_events");
  await writer.query("COMMIT");
  assert.equal((await made).rows[0]?.made, 1);
});

test("who makes a month does not wait long for a reader, because all others would wait behind", async () => {
  const [next] = (await ask(
    "SELECT 'job_events_' || to_char((now() AT TIME ZONE 'UTC') + interval '2 months', 'YYYY_MM') AS part",
  )) as { part: string }[];
  await ask(`DROP TABLE ${next?.part}`);
  const [made] = (await ask(
    "SELECT proconfig::text AS settings FROM pg_proc WHERE proname = 'ensure_partitions'",
  )) as {
    settings: string;
  }[];
  assert.match(String(made?.settings), /\block_timeout=5s\b/);
  await ask("ALTER FUNCTION ensure_partitions() SET lock_timeout = '100ms'"); // the same, sooner
  const [reader, maker] = [await session(), await session()];
  await reader.query("BEGIN; SELECT count(*) FROM job_events");
  await assert.rejects(
    maker.query("SELECT ensure_partitions()"),
    (error: { code?: string }) => error.code === "55P03",
  );
  await reader.query("COMMIT");
  assert.equal((await maker.query("SELECT ensure_partitions() AS made")).rows[0].made, 1);
});
