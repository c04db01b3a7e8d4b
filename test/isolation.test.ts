import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { sql } from "kysely";
import type { OrgPrincipal } from "../src/access/principal.ts";
import { viewerOf } from "../src/access/principal.ts";
import type { ServerAddress } from "../src/db/address.ts";
import { withClient } from "../src/db/connect.ts";
import { ident } from "../src/db/roles.ts";
import { AppError } from "../src/errors.ts";
import { newId } from "../src/ids.ts";
import { cancelJobOperation, retryJobOperation, showJob, submitJobFrom } from "../src/jobs/operations.ts";
import { addMolecules, listMolecules, showMolecule } from "../src/molecules/operations.ts";
import { perform } from "../src/perform.ts";
import { derivePassword, Secret } from "../src/secrets.ts";
import { appPassword } from "../src/setup.ts";
import { makeOrg, person } from "./support/context.ts";
import { BOX, createSite, insertMolecule, insertProtocol, insertRun, prepareHpv } from "./support/docking.ts";
import { submitScript } from "./support/engine.ts";
import { testServer } from "./support/server.ts";
import { jobState, openLab, startWorker, until } from "./support/worker.ts";

const { context, org, scientist } = await openLab({ after });
const colleague = await person(context, org, "scientist");
const boss = await person(context, org, "admin");
const viewer = await person(context, org, "viewer");
const other = await makeOrg(context);
const stranger = await person(context, other, "scientist");

let privateJob = "";
let openJob = "";

before(async () => {
  const worker = startWorker({ after }, context);
  privateJob = await submitScript(context, scientist, { visibility: "private" });
  openJob = await submitScript(context, scientist);
  for (const job of [privateJob, openJob])
    await until(
      "a completed job",
      async () => (await jobState(context, org.org_id, job)).status === "completed",
    );
  await worker.stop();
});

type Settings = { role?: string; org?: string; user?: string; admin?: boolean };

/** One statement in a transaction of its own, as somebody, past every door of ours. */
async function as<R extends object>(
  database: string,
  who: Settings,
  text: string,
  values: unknown[] = [],
): Promise<R[]> {
  const server = await testServer();
  return withClient({ ...server.superuser, database }, "aliquot tests", async (client) => {
    await client.query("BEGIN");
    await client.query(
      "SELECT set_config('app.current_org_id', $1, true), set_config('app.current_user_id', $2, true), set_config('app.is_org_admin', $3, true)",
      [who.org ?? "", who.user ?? "", who.admin === true ? "on" : "off"],
    );
    await client.query(`SET LOCAL ROLE ${who.role ?? "aliquot_member"}`);
    return (await client.query<R>(text, values)).rows;
  });
}

async function tablesFor(database: string): Promise<string[]> {
  const rows = await context.superuser<{ name: string }>(
    `SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition`,
    [],
    database,
  );
  return rows.map((row) => row.name);
}

/** Count of rows that somebody sees in each table; null where they may not look at all. */
async function seen(database: string, who: Settings): Promise<Record<string, number | null>> {
  const counts: Record<string, number | null> = {};
  for (const table of await tablesFor(database)) {
    try {
      const [row] = await as<{ count: number }>(database, who, `SELECT count(*) AS count FROM ${table}`);
      counts[table] = row?.count ?? 0;
    } catch (error) {
      assert.equal((error as { code?: string }).code, "42501", `${table}: ${error}`);
      counts[table] = null;
    }
  }
  return counts;
}

const rowsOf = (counts: Record<string, number | null>): [string, number][] =>
  Object.entries(counts).filter((entry): entry is [string, number] => entry[1] !== null && entry[1] > 0);

/** The one table that tells anybody in the database something: whose it is. */
const TELLS_ALL = ["database_identity"];

test("with nothing set a member sees no row of any table, and meets no error but a missing grant", async () => {
  for (const database of [context.database, org.database_name]) {
    const counts = rowsOf(await seen(database, {}));
    assert.deepEqual(
      counts.filter(([table]) => !TELLS_ALL.includes(table)),
      [],
    );
  }
});

test("with another organization's id set, this organization's database shows no row, whoever asks", async () => {
  const whos: Settings[] = [
    { org: other.org_id, user: stranger.user_id },
    { org: other.org_id, user: scientist.user_id, admin: true },
    { org: newId(), user: scientist.user_id },
    { user: scientist.user_id, admin: true },
  ];
  for (const who of whos) {
    const counts = rowsOf(await seen(org.database_name, who));
    assert.deepEqual(
      counts.filter(([table]) => !TELLS_ALL.includes(table)),
      [],
    );
  }
});

test("a member of the organization does see rows, so that the two tests above mean something", async () => {
  const counts = await seen(org.database_name, { org: org.org_id, user: scientist.user_id });
  for (const table of [
    "jobs",
    "tasks",
    "job_inputs",
    "job_events",
    "registrations",
    "pipeline_specs",
    "calculations",
    "protocols",
  ])
    assert.ok((counts[table] ?? 0) > 0, table);
});

test("in the metadata database a member sees their own organization and the system's rows alone", async () => {
  const who = { org: other.org_id, user: stranger.user_id };
  const orgs = await as<{ org_id: string }>(context.database, who, "SELECT org_id FROM organizations");
  assert.deepEqual(orgs, [{ org_id: other.org_id }]);
  assert.deepEqual(await as(context.database, who, "SELECT 1 FROM jobs_meta"), []);
  const people = await as<{ user_id: string }>(context.database, who, "SELECT user_id FROM users");
  assert.ok(people.some((row) => row.user_id === stranger.user_id));
  assert.ok(!people.some((row) => row.user_id === scientist.user_id));
  const logs = await as<{ org_id: string }>(context.database, who, "SELECT DISTINCT org_id FROM audit_logs");
  assert.deepEqual(logs, [{ org_id: other.org_id }]);
});

const PRIVATE_PARTS = [
  "jobs",
  "tasks",
  "task_executions",
  "task_results",
  "job_events",
  "job_inputs",
  "job_outputs",
  "calculations",
];

test("a private job and all that hangs on it is seen by its owner and admins, not by a colleague", async () => {
  const count = async (who: Settings, table: string) => {
    const rows = await as(
      org.database_name,
      { org: org.org_id, ...who },
      `SELECT 1 FROM ${table} WHERE job_id = $1`,
      [privateJob],
    );
    return rows.length;
  };
  for (const table of PRIVATE_PARTS) {
    assert.ok((await count({ user: scientist.user_id }, table)) > 0, `${table}: owner`);
    assert.ok((await count({ user: boss.user_id, admin: true }, table)) > 0, `${table}: admin`);
    assert.equal(await count({ user: colleague.user_id }, table), 0, `${table}: colleague`);
    assert.equal(await count({}, table), 0, `${table}: nobody in the organization`);
  }
  const open = await as(
    org.database_name,
    { org: org.org_id, user: colleague.user_id },
    "SELECT 1 FROM tasks WHERE job_id = $1",
    [openJob],
  );
  assert.equal(open.length, 1);
});

test("a private site and the poses of a private run are their owner's and admins', whichever way they are asked for", async () => {
  const receptor = await prepareHpv(context, scientist);
  const molecule_id = await insertMolecule(context, scientist, "CCO");
  const protocol_id = await insertProtocol(context, org, 8);
  for (const visibility of ["private", "organization"] as const) {
    const site = await createSite(context, scientist, receptor, { ...BOX, visibility });
    const run = { site, molecule_id, protocol_id, affinities: [-9, -8], visibility };
    const { job_id } = await insertRun(context, scientist, run);
    const statements: [text: string, value: string, rows: number][] = [
      ["SELECT 1 FROM binding_sites WHERE site_id = $1", site.site_id, 1],
      ["SELECT 1 FROM docking_results WHERE job_id = $1", job_id, 2],
      ["SELECT 1 FROM docking_results WHERE site_id = $1 AND affinity_kcal_mol < -1", site.site_id, 2],
      ["SELECT 1 FROM structures WHERE source = 'job:' || $1", job_id, 2],
    ];
    for (const [text, value, rows] of statements) {
      const count = async (who: Settings) =>
        (await as(org.database_name, { org: org.org_id, ...who }, text, [value])).length;
      assert.equal(await count({ user: scientist.user_id }), rows, text);
      assert.equal(await count({ user: boss.user_id, admin: true }), rows, text);
      const open = visibility === "organization";
      assert.equal(await count({ user: colleague.user_id }), open ? rows : 0, text);
      assert.equal(await count({ org: other.org_id, user: stranger.user_id, admin: true }), 0, text);
    }
    const keep = "UPDATE binding_sites SET validation = '{}' WHERE site_id = $1 RETURNING 1";
    const theirs = await as(org.database_name, { org: org.org_id, user: colleague.user_id }, keep, [
      site.site_id,
    ]);
    assert.deepEqual(theirs, [], "only the owner and admins change a site");
  }
});

test("private, another organization's and missing look the same", async () => {
  const show = (who: OrgPrincipal, job_id: string) => perform(context, showJob, who, { job_id });
  const missing = (error: unknown) =>
    error instanceof AppError && error.kind === "not_found" && error.message === "no such job";
  await show(scientist, privateJob);
  await show(boss, privateJob);
  await assert.rejects(show(colleague, privateJob), missing);
  await assert.rejects(show(stranger, openJob), missing);
  await assert.rejects(show(scientist, newId()), missing);
});

test("a job is changed by its owner and admins alone; a colleague who sees it is told that it is not theirs", async () => {
  const job_id = await submitScript(context, scientist);
  const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;
  for (const operation of [cancelJobOperation, retryJobOperation]) {
    await assert.rejects(perform(context, operation, colleague, { job_id }), kind("forbidden"));
    await assert.rejects(perform(context, operation, stranger, { job_id }), kind("not_found"));
    await assert.rejects(perform(context, operation, colleague, { job_id: privateJob }), kind("not_found"));
    await assert.rejects(perform(context, operation, viewer, { job_id }), kind("forbidden"));
  }
  assert.equal((await jobState(context, org.org_id, job_id)).status, "queued");
  await assert.rejects(perform(context, submitJobFrom, colleague, { from: privateJob }), kind("not_found"));
  await perform(context, cancelJobOperation, boss, { job_id });
});

test("`created` and lists reveal nothing of a colleague's private registration", async () => {
  const smiles = "CCCCCCCCO";
  const add = (who: OrgPrincipal, visibility: "private" | "organization") =>
    perform(context, addMolecules, who, { records: [{ text: smiles, format: "smiles" }], visibility });
  const list = async (who: OrgPrincipal) =>
    (await perform(context, listMolecules, who, { limit: 1000 })).items;
  const mine = (await add(scientist, "private")).items[0];
  assert.equal(mine?.created, true);
  assert.equal((await add(scientist, "private")).items[0]?.created, false, "one's own is known");
  assert.ok(!(await list(colleague)).some((row) => row.molecule_id === mine?.molecule_id));
  await assert.rejects(
    perform(context, showMolecule, colleague, { molecule_id: mine?.molecule_id ?? "" }),
    (error: AppError) => error.kind === "not_found",
  );
  const theirs = (await add(colleague, "private")).items[0];
  assert.equal(theirs?.created, true, "as if nobody had it");
  assert.equal(theirs?.molecule_id, mine?.molecule_id, "though it is one species");
  const shown = await perform(context, showMolecule, colleague, { molecule_id: theirs?.molecule_id ?? "" });
  assert.equal(shown.registrations.length, 1, "one's own registration, not the colleague's");
  assert.equal((await add(viewerAs(colleague), "organization")).items[0]?.created, false);
  assert.ok((await list(boss)).some((row) => row.molecule_id === mine?.molecule_id));
});

/** The same person seen anew, as another request would be. */
function viewerAs(principal: OrgPrincipal): OrgPrincipal {
  return { ...principal };
}

const FORBIDDEN: [place: "metadata" | "results", text: string][] = [
  [
    "results",
    "INSERT INTO molecules (identity_key, identity_kind, identity_version, compound_key, skeleton_key, smiles, formula, charge, stereo_status, toolkit_version, heavy_atoms) VALUES ('k1', 'smiles', 1, 'c', 's', 'C', 'C', 0, 'none', 't', 1)",
  ],
  ["results", "UPDATE molecules SET formula = 'X'"],
  ["results", "DELETE FROM molecules"],
  ["results", "INSERT INTO calculations (protocol_id) VALUES (new_id())"],
  ["results", "UPDATE calculations SET energy_eh = 0"],
  ["results", "DELETE FROM calculations"],
  ["results", "UPDATE binding_sites SET name = 'x'"],
  ["results", "UPDATE binding_sites SET report = '{}'"],
  ["results", "DELETE FROM binding_sites"],
  ["results", "INSERT INTO docking_results (seed) VALUES (1)"],
  ["results", "UPDATE docking_results SET affinity_kcal_mol = -20"],
  ["results", "DELETE FROM docking_results"],
  ["results", "UPDATE atomic_properties SET partial_charge = 0"],
  ["results", "UPDATE task_results SET confidence_score = 1"],
  ["results", "UPDATE task_executions SET worker_id = NULL"],
  [
    "results",
    "INSERT INTO task_executions (job_id, task_name, attempt, status, fence) SELECT job_id, 'run', 9, 'running', 1 FROM jobs LIMIT 1",
  ],
  [
    "results",
    "INSERT INTO job_outputs (job_id, key, uri, content_type, size_bytes, checksum) SELECT job_id, 'k', 'u', 'c', 1, 's' FROM jobs LIMIT 1",
  ],
  ["results", "UPDATE job_events SET event = 'x'"],
  ["results", "DELETE FROM jobs"],
  ["results", "UPDATE structures SET uri = 'x'"],
  ["results", "UPDATE protocols SET name = 'x'"],
  ["results", "UPDATE database_identity SET generation = 9"],
  ["results", "SELECT payload FROM outbox"],
  ["results", "UPDATE outbox SET relayed_at = now()"],
  ["results", "INSERT INTO outbox (topic, payload, relayed_at) VALUES ('job', '{}', now())"],
  ["results", "SELECT created_at FROM molecules"],
  ["results", "SELECT * FROM molecules"],
  ["results", "SELECT * FROM schema_migrations"],
  ["results", "TRUNCATE jobs"],
  ["results", "CREATE TABLE mine (a int)"],
  ["results", "SELECT * FROM job_events_default"],
  ["metadata", "SELECT hashed_password FROM users"],
  ["metadata", "SELECT * FROM users"],
  ["metadata", "UPDATE users SET is_admin = true"],
  [
    "metadata",
    "INSERT INTO membership_roles SELECT user_id, org_id, (SELECT role_id FROM roles WHERE name = 'owner') FROM memberships",
  ],
  ["metadata", "INSERT INTO role_permissions SELECT role_id, 'orgs:create' FROM roles LIMIT 1"],
  ["metadata", "UPDATE organizations SET status = 'active'"],
  ["metadata", "UPDATE jobs_meta SET status = 'completed'"],
  ["metadata", "SELECT * FROM task_queue"],
  ["metadata", "SELECT * FROM org_databases"],
  ["metadata", "SELECT * FROM audit_heads"],
  [
    "metadata",
    "INSERT INTO audit_logs (chain_id, seq, action, entity_type, ts, source_id, prev_hash, hash) VALUES (new_id(), 1, 'a', 'e', now(), new_id(), repeat('0', 64), repeat('0', 64))",
  ],
  ["metadata", "UPDATE pipelines SET org_id = NULL"],
  ["metadata", "UPDATE pipelines SET created_by = NULL"],
  ["metadata", "UPDATE pipeline_versions SET version = 'x'"],
  ["metadata", "DELETE FROM pipeline_versions"],
];

for (const [place, text] of FORBIDDEN) {
  test(`even an owner has no grant for: ${text.slice(0, 70)}`, async () => {
    const database = place === "metadata" ? context.database : org.database_name;
    const who = { org: org.org_id, user: scientist.user_id, admin: true };
    await assert.rejects(as(database, who, text), (error: { code?: string }) => error.code === "42501", text);
  });
}

test("a member writes nothing in a colleague's name and changes nothing of a colleague's", async () => {
  const who = { org: org.org_id, user: colleague.user_id };
  const refused = (error: { code?: string }) => error.code === "42501";
  const inTheirName = `INSERT INTO jobs (spec_hash, pipeline_version, status, input_signature, params, owner_id)
    SELECT spec_hash, '1', 'queued', repeat('0', 64), '{}', $1 FROM pipeline_specs LIMIT 1`;
  await assert.rejects(as(org.database_name, who, inTheirName, [scientist.user_id]), refused);
  await as(org.database_name, who, inTheirName, [colleague.user_id]);
  for (const text of [
    "UPDATE jobs SET seq = seq + 1",
    "UPDATE tasks SET max_attempts = 9",
    "UPDATE task_executions SET status = 'cancelled'",
  ]) {
    const changed = await as(org.database_name, who, `${text} WHERE job_id = $1 RETURNING 1`, [openJob]);
    assert.deepEqual(changed, [], text);
  }
  await assert.rejects(
    as(org.database_name, who, "INSERT INTO job_events (job_id, seq_no, event) VALUES ($1, 99, 'forged')", [
      openJob,
    ]),
    refused,
  );
  await assert.rejects(
    as(org.database_name, who, "SELECT register_molecules(jsonb_build_array($1::jsonb))", [
      { species: {}, registration: { owner_id: scientist.user_id } },
    ]),
    refused,
  );
  const names = await as(
    org.database_name,
    who,
    "UPDATE registrations SET name = 'x' WHERE owner_id = $1 RETURNING 1",
    [scientist.user_id],
  );
  assert.deepEqual(names, []);
});

test("a scientist can't become an organization's admin by asking", async () => {
  assert.equal(scientist.is_org_admin, false);
  assert.equal(boss.is_org_admin, true);
  const tables = await as<{ count: number }>(
    context.database,
    viewerSettings(scientist),
    "SELECT count(*) AS count FROM membership_roles WHERE user_id = $1",
    [scientist.user_id],
  );
  assert.equal(tables[0]?.count, 1);
});

function viewerSettings(principal: OrgPrincipal): Settings {
  const { user_id, org_id, is_org_admin } = viewerOf(principal);
  return { user: user_id, org: org_id ?? "", admin: is_org_admin };
}

async function loginOf(name: "app" | "org" | "other"): Promise<ServerAddress> {
  const server = await testServer();
  const key = new Secret(server.secret);
  if (name === "app")
    return {
      ...server.admin,
      user: "aliquot_app",
      password: appPassword(key).reveal(),
      database: context.database,
    };
  const { org_id, database_name } = name === "org" ? org : other;
  const password = derivePassword(key, `results:${org_id}:1`).reveal();
  return { ...server.admin, user: database_name, password, database: database_name };
}

const query = (address: ServerAddress, text: string) =>
  withClient(address, "aliquot tests", async (client) => (await client.query(text)).rows);

test("a login without its transaction's role reads nothing at all", async () => {
  for (const name of ["app", "org"] as const) {
    const address = await loginOf(name);
    for (const table of await tablesFor(address.database))
      await assert.rejects(
        query(address, `SELECT count(*) FROM ${ident(table)}`),
        (error: { code?: string }) => error.code === "42501",
        `${name}: ${table}`,
      );
  }
});

test("an organization's login connects to its own database and to no other", async () => {
  const address = await loginOf("org");
  await query(address, "SELECT 1");
  const databases = await context.superuser<{ datname: string }>(
    "SELECT datname FROM pg_database WHERE datallowconn",
  );
  const names = databases.map((row) => row.datname);
  assert.ok(
    [context.database, other.database_name, "postgres", "template1"].every((name) => names.includes(name)),
  );
  // Databases of other test files come and go, so the ones of this file and the server's own are tried.
  for (const database of [context.database, other.database_name, "postgres", "template1"])
    await assert.rejects(
      query({ ...address, database }, "SELECT 1"),
      (error: AppError | { code?: string }) =>
        /42501|permission denied for database/.test(`${(error as { code?: string }).code} ${error}`),
      database,
    );
});

test("the metadata login connects to no organization's database, and no login may act as the owner", async () => {
  const app = await loginOf("app");
  await assert.rejects(
    query({ ...app, database: org.database_name }, "SELECT 1"),
    /permission denied for database/,
  );
  for (const name of ["app", "org"] as const)
    await assert.rejects(
      query(await loginOf(name), "SET ROLE aliquot_owner"),
      /permission denied to set role/,
    );
});

test("as the system in the metadata database everything is there, so that the machinery works", async () => {
  const counts = await seen(context.database, { role: "aliquot_system" });
  assert.deepEqual(
    Object.entries(counts).filter(([, count]) => count === null),
    [],
  );
  assert.ok((counts["organizations"] ?? 0) >= 2);
});

test("a read hands out a transaction that can't write", async () => {
  const write = context.results.read(scientist, ({ tx }) => sql`UPDATE jobs SET priority = 1`.execute(tx));
  await assert.rejects(write, (error: { code?: string }) => error.code === "25006");
});
