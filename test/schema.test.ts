import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { PERMISSIONS } from "../src/access/permissions.ts";
import { CONVERGENCE } from "../src/calculations/schema.ts";
import { newId } from "../src/ids.ts";
import { JOB_STATUSES, TASK_STATUSES, VISIBILITIES } from "../src/jobs/schema.ts";
import { ORG_STATUSES } from "../src/orgs/schema.ts";
import { readSeeds } from "../src/seeds/files.ts";
import { STRUCTURE_FORMATS, STRUCTURE_KINDS } from "../src/structures/schema.ts";
import { describeSchema } from "./support/describe-schema.ts";
import { submitScript } from "./support/engine.ts";
import { testServer } from "./support/server.ts";
import { claimAndStart, openLab, record } from "./support/worker.ts";

const { context, org, scientist, clear } = await openLab({ after });
const BRANCHES = { metadata: context.database, results: org.database_name } as const;
type BranchName = keyof typeof BRANCHES;
const EACH = Object.keys(BRANCHES) as BranchName[];

const rows = <R extends object>(branch: BranchName, text: string, values: unknown[] = []): Promise<R[]> =>
  context.superuser<R>(text, values, BRANCHES[branch]);

const TABLES = `SELECT c.oid, c.relname AS name, c.relrowsecurity AS secured, c.relforcerowsecurity AS forced
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 2`;

/** Tables that people reach through nothing: no policy and no grant for `member`, and why. */
const NOT_FOR_PEOPLE: Record<BranchName, Record<string, string>> = {
  metadata: {
    audit_heads: "only append_audit() moves a head",
    database_servers: "operators alone know where databases lie",
    org_databases: "operators alone know where databases lie",
    schema_migrations: "the machinery's ledger",
    task_queue: "the machinery's queue; jobs_meta is what people see",
    workers: "the machinery's own",
  },
  results: { schema_migrations: "the machinery's ledger" },
};

/** Foreign keys without an index that begins with their columns, and why. */
const UNINDEXED: Record<BranchName, Record<string, string>> = {
  metadata: {},
  results: {},
};

/** Tables with updated_at that a trigger must not touch. */
const OWN_CLOCK = { metadata: ["jobs_meta"], results: [] as string[] };

for (const branch of EACH) {
  test(`${branch}: the described schema in docs/schema is the migrated one`, async () => {
    const server = await testServer();
    const file = join(import.meta.dirname, "..", "docs", "schema", `${branch}.txt`);
    const found = await describeSchema(server.superuser, BRANCHES[branch]);
    if (process.env["UPDATE"] === "1") {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, found);
    }
    const stated = readFileSync(file, "utf8");
    assert.equal(found, stated, "run the tests with UPDATE=1 and read what changed");
  });

  test(`${branch}: every table has forced row security with the policies of owner and system`, async () => {
    const tables = await rows<{ name: string; secured: boolean; forced: boolean }>(branch, TABLES);
    assert.ok(tables.length > 10);
    assert.deepEqual(
      tables.filter((table) => !(table.secured && table.forced)),
      [],
    );
    for (const role of ["aliquot_owner", "aliquot_system"]) {
      const held = await rows<{ name: string }>(
        branch,
        `SELECT p.polrelid::regclass::text AS name FROM pg_policy p JOIN pg_roles r ON r.oid = ANY (p.polroles)
         WHERE r.rolname = $1 AND pg_get_expr(p.polqual, p.polrelid) = 'true'`,
        [role],
      );
      const names = new Set(held.map((row) => row.name));
      assert.deepEqual(
        tables.filter((table) => !names.has(table.name)),
        [],
        role,
      );
    }
  });

  test(`${branch}: a table has a policy for people, or stands on the list of those that have none`, async () => {
    const tables = await rows<{ name: string; policies: number; granted: boolean }>(
      branch,
      `SELECT t.name, (SELECT count(*) FROM pg_policy p JOIN pg_roles r ON r.oid = ANY (p.polroles)
           WHERE p.polrelid = t.oid AND r.rolname = 'aliquot_member') AS policies,
         has_table_privilege('aliquot_member', t.oid, 'SELECT, INSERT, UPDATE, DELETE')
           OR has_any_column_privilege('aliquot_member', t.oid, 'SELECT, INSERT, UPDATE') AS granted
       FROM (${TABLES}) t`,
    );
    const closed = NOT_FOR_PEOPLE[branch];
    const without = tables.filter((table) => table.policies === 0).map((table) => table.name);
    assert.deepEqual(without, Object.keys(closed).toSorted());
    assert.deepEqual(
      tables.filter((table) => table.granted === table.name in closed).map((table) => table.name),
      [],
    );
  });

  test(`${branch}: every table and column is described, and no partition is granted`, async () => {
    const bare = await rows(
      branch,
      `SELECT t.name, a.attname FROM (${TABLES}) t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum >= 0 AND NOT a.attisdropped
       WHERE coalesce(col_description(t.oid, a.attnum), '') = ''
       UNION ALL SELECT t.name, NULL FROM (${TABLES}) t WHERE coalesce(obj_description(t.oid, 'pg_class'), '') = ''`,
    );
    assert.deepEqual(bare, []);
    const granted = await rows(
      branch,
      `SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relacl IS NOT NULL
         AND EXISTS (SELECT 1 FROM aclexplode(relacl) x WHERE x.grantee <> relowner)`,
    );
    assert.deepEqual(granted, []);
  });

  test(`${branch}: every jsonb column says by a CHECK what it holds`, async () => {
    const columns = await rows<{ place: string; checked: boolean }>(
      branch,
      `SELECT t.name || '.' || a.attname AS place, EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'c'
         AND pg_get_constraintdef(k.oid) LIKE '%jsonb_typeof(' || a.attname || ')%') AS checked
       FROM (${TABLES}) t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND a.atttypid = 'jsonb'::regtype
       WHERE NOT (t.name = 'idempotency_keys' AND a.attname = 'answer')`, // any JSON document is an answer
    );
    assert.ok(columns.length > 5);
    assert.deepEqual(
      columns.filter((column) => !column.checked),
      [],
    );
  });

  test(`${branch}: every foreign key has an index that begins with its columns`, async () => {
    const keys = await rows<{ place: string }>(
      branch,
      `SELECT k.conrelid::regclass || '.' || k.conname AS place FROM pg_constraint k
       WHERE k.contype = 'f' AND k.conparentid = 0 AND NOT EXISTS (
         SELECT 1 FROM pg_index i WHERE i.indrelid = k.conrelid
           AND (string_to_array(i.indkey::text, ' ')::smallint[])[1:cardinality(k.conkey)] @> k.conkey)`,
    );
    assert.deepEqual(
      keys.map((key) => key.place),
      Object.keys(UNINDEXED[branch]),
    );
  });

  test(`${branch}: updated_at is a trigger's business`, async () => {
    const tables = await rows<{ name: string }>(
      branch,
      `SELECT t.name FROM (${TABLES}) t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'updated_at'
       WHERE NOT EXISTS (SELECT 1 FROM pg_trigger g JOIN pg_proc p ON p.oid = g.tgfoid
         WHERE g.tgrelid = t.oid AND p.proname = 'touch_updated_at')`,
    );
    assert.deepEqual(
      tables.map((table) => table.name),
      OWN_CLOCK[branch],
    );
  });

  test(`${branch}: functions that run as their owner have a fixed search_path and are not everybody's`, async () => {
    const loose = await rows(
      branch,
      `SELECT p.oid::regprocedure AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
       WHERE n.nspname = 'public' AND p.prosecdef AND (NOT coalesce(array_to_string(p.proconfig, ' '), '') LIKE '%search_path=%pg_temp%'
         OR has_function_privilege('public', p.oid, 'EXECUTE'))`,
    );
    assert.deepEqual(loose, []);
  });

  test(`${branch}: an id made by the database is a UUIDv7 of this moment`, async () => {
    const [row] = await rows<{ id: string }>(branch, "SELECT new_id() AS id");
    const id = row?.id ?? "";
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const age = Date.now() - Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16);
    assert.ok(Math.abs(age) < 60_000, `${age} ms`);
  });
}

/** The words of a column's `IN (…)` CHECK, wherever the branch has one. */
async function checkedWords(branch: BranchName, table: string, column: string): Promise<string[]> {
  const found = await rows<{ definition: string }>(
    branch,
    "SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'",
    [table],
  );
  const definition = found
    .map((row) => row.definition)
    .find((text) => text.includes(`(${column} = ANY (ARRAY[`));
  return [...(definition ?? "").matchAll(/'([^']+)'::text/g)].map((match) => match[1] ?? "");
}

const LISTS: [BranchName, string, string, readonly string[]][] = [
  ["metadata", "organizations", "status", ORG_STATUSES],
  ["metadata", "jobs_meta", "status", JOB_STATUSES],
  ["results", "jobs", "status", JOB_STATUSES],
  ["results", "tasks", "status", TASK_STATUSES],
  ...["jobs", "registrations", "structures", "calculations"].map(
    (table): [BranchName, string, string, readonly string[]] => [
      "results",
      table,
      "visibility",
      VISIBILITIES,
    ],
  ),
  ["results", "structures", "kind", STRUCTURE_KINDS],
  ["results", "structures", "format", STRUCTURE_FORMATS],
];

for (const [branch, table, column, words] of LISTS) {
  test(`the words for ${table}.${column} in ${branch} are those of the code`, async () => {
    assert.deepEqual((await checkedWords(branch, table, column)).toSorted(), [...words].toSorted());
  });
}

test("the words for convergence_status are those of the code", async () => {
  const [row] = await rows<{ text: string }>(
    "results",
    `SELECT pg_get_expr(d.adbin, d.adrelid) AS text FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
     WHERE a.attname = 'convergence_status'`,
  );
  const words = [...(row?.text ?? "").matchAll(/'([^']+)'::text/g)].map((match) => match[1] ?? "");
  assert.deepEqual(new Set(words), new Set(CONVERGENCE));
});

test("the seeded roles have exactly the permissions that the code gives them", async () => {
  const seeded = await rows<{ name: string; permissions: string[] }>(
    "metadata",
    `SELECT r.name, array_agg(p.permission ORDER BY p.permission) AS permissions FROM roles r JOIN role_permissions p USING (role_id)
     WHERE r.org_id IS NULL GROUP BY r.name`,
  );
  const stated = (await readSeeds()).roles.map(({ name, permissions }) => ({
    name,
    permissions: [...permissions].toSorted(),
  }));
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  assert.deepEqual(seeded.toSorted(byName), stated.toSorted(byName));
  assert.ok(
    seeded.every((role) =>
      role.permissions.every((name) => (PERMISSIONS as readonly string[]).includes(name)),
    ),
  );
});

test("the audit log takes no UPDATE, DELETE or TRUNCATE, not even from the superuser", async () => {
  await context.superuser("SELECT append_audit($1, $2)", [
    org.org_id,
    JSON.stringify([
      JSON.stringify({
        org_id: org.org_id,
        action: "a",
        entity_type: "t",
        metadata: {},
        ts: "2026-01-01T00:00:00.000Z",
        source_id: newId(),
      }),
    ]),
  ]);
  for (const change of [
    "UPDATE audit_logs SET action = 'x'",
    "DELETE FROM audit_logs",
    "TRUNCATE audit_logs",
  ])
    await assert.rejects(context.superuser(change), /append-only/, change);
});

test("a published pipeline version never changes; an unpublished one may", async () => {
  const [version] = await context.superuser<{ id: string }>(
    "SELECT pipeline_version_id AS id FROM pipeline_versions WHERE published LIMIT 1",
  );
  const change = "UPDATE pipeline_versions SET spec = spec || '{\"x\": 1}' WHERE pipeline_version_id = $1";
  await assert.rejects(context.superuser(change, [version?.id]), /published and never changes/);
  await assert.rejects(
    context.superuser("UPDATE pipeline_versions SET published = false WHERE pipeline_version_id = $1", [
      version?.id,
    ]),
    /published and never changes/,
  );
  const [draft] = await context.superuser<{ id: string }>(
    `INSERT INTO pipeline_versions (pipeline_id, version, spec) SELECT pipeline_id, 'draft', spec FROM pipeline_versions LIMIT 1
     RETURNING pipeline_version_id AS id`,
  );
  await context.superuser(change, [draft?.id]);
});

test("a protocol never changes but for its name", async () => {
  const insert = `INSERT INTO protocols (params_hash, task, program, program_version, params)
    VALUES ('${"a".repeat(64)}', 't', 'p', '1', '{}') RETURNING protocol_id`;
  await rows("results", insert);
  await rows("results", "UPDATE protocols SET name = 'mine'");
  await assert.rejects(rows("results", "UPDATE protocols SET params = '{\"a\": 1}'"), /append-only/);
});

/** What each status may become, as design §5 says it; everything else is refused by the tables themselves. */
const JOB_STEPS: Record<(typeof JOB_STATUSES)[number], string[]> = {
  pending: ["queued", "running", "completed", "failed", "cancelled"],
  queued: ["pending", "running", "completed", "failed", "cancelled"],
  running: ["completed", "failed", "cancelled"],
  completed: [],
  failed: ["queued"],
  cancelled: [],
};
const TASK_STEPS: Record<(typeof TASK_STATUSES)[number], string[]> = {
  waiting: ["ready", "cancelled"],
  ready: ["running", "completed", "failed", "cancelled"],
  running: ["ready", "completed", "failed", "cancelled"],
  completed: [],
  failed: ["ready", "waiting"],
  cancelled: [],
};

async function allowed(table: "jobs" | "tasks", from: string, to: string, job: string): Promise<boolean> {
  const error = (status: string) =>
    table === "jobs" ? `, error = ${status === "failed" ? "'{}'" : "NULL"}` : "";
  const step = (status: string) =>
    `UPDATE ${table} SET status = '${status}'${error(status)} WHERE job_id = '${job}'`;
  const text = `BEGIN; SET LOCAL session_replication_role = replica; ${step(from)};
    SET LOCAL session_replication_role = origin; ${step(to)}; ROLLBACK`;
  try {
    await rows("results", text);
    return true;
  } catch (error) {
    assert.equal((error as { code?: string }).code, "23514", String(error));
    return false;
  }
}

test("jobs and tasks take the steps of the design and no other, whoever asks", async () => {
  const job = await submitScript(context, scientist);
  for (const [from, steps] of Object.entries(JOB_STEPS))
    for (const to of JOB_STATUSES)
      if (to !== from)
        assert.equal(await allowed("jobs", from, to, job), steps.includes(to), `job ${from} → ${to}`);
  for (const [from, steps] of Object.entries(TASK_STEPS))
    for (const to of TASK_STATUSES)
      if (to !== from)
        assert.equal(await allowed("tasks", from, to, job), steps.includes(to), `task ${from} → ${to}`);
});

test("a task's fence never goes down, and one task has one running execution", async () => {
  await clear();
  const job = await submitScript(context, scientist);
  const run = await claimAndStart(context);
  assert.equal(run.claim.job_id, job);
  await assert.rejects(rows("results", "UPDATE tasks SET fence = 0 WHERE job_id = $1", [job]), /went down/);
  await assert.rejects(
    rows(
      "results",
      "INSERT INTO task_executions (job_id, task_name, attempt, status, fence) VALUES ($1, 'run', 2, 'running', 9)",
      [job],
    ),
    /task_executions_one_running/,
  );
  await record(context, run);
});

test("rows that make no sense are refused by the tables", async () => {
  const bad: [BranchName, string, RegExp][] = [
    ["metadata", "INSERT INTO organizations (name, slug) VALUES ('ab', 'ab')", /org_name_length/],
    ["metadata", "INSERT INTO organizations (name, slug) VALUES (' padded ', 'padded')", /org_name_length/],
    [
      "metadata",
      `INSERT INTO organizations (name, slug) VALUES ('${"x".repeat(101)}', 'long')`,
      /org_name_length/,
    ],
    [
      "metadata",
      "INSERT INTO organizations (name, slug) VALUES ('A lab', 'A_LAB')",
      /organizations_slug_check/,
    ],
    [
      "metadata",
      `INSERT INTO organizations (name, slug) VALUES ('${org.name.toUpperCase()}', 'other')`,
      /organizations_name_key/,
    ],
    [
      "metadata",
      "INSERT INTO users (email, username) VALUES ('ADMIN@LOCALHOST', 'other')",
      /users_email_key/,
    ],
    [
      "metadata",
      "INSERT INTO pipeline_versions (pipeline_id, version, spec) SELECT pipeline_id, '9', '{}' FROM pipelines LIMIT 1",
      /valid_pipeline_spec/,
    ],
    [
      "results",
      "INSERT INTO database_identity (singleton, org_id, generation) VALUES (false, new_id(), 1)",
      /singleton/,
    ],
    ["results", "UPDATE jobs SET params = '[]'", /valid_job_params/],
    ["results", "UPDATE jobs SET priority = 10", /priority/],
    ["results", "UPDATE jobs SET status = 'failed' WHERE status = 'queued'", /check/],
    [
      "results",
      "INSERT INTO calculations (protocol_id, method, charge, multiplicity, unpaired_electrons, program, program_version, owner_id) SELECT protocol_id, 'm', 0, 2, 0, 'p', '1', new_id() FROM protocols LIMIT 1",
      /check/,
    ],
    [
      "results",
      "INSERT INTO molecule_relations SELECT molecule_id, molecule_id, 'became', 'r', '1' FROM molecules LIMIT 1",
      /check/,
    ],
    [
      "results",
      "INSERT INTO structures (kind, format, uri, size_bytes, checksum, source, owner_id) VALUES ('conformer', 'xyz', 'u', 0, 'sha256:' || repeat('0', 64), 's', new_id())",
      /structure_size_positive/,
    ],
  ];
  await submitScript(context, scientist);
  for (const [branch, text, rule] of bad) await assert.rejects(rows(branch, text), rule, text);
});

test("events land in the partition of their month, and the function that makes partitions may be called again", async () => {
  const job = await submitScript(context, scientist);
  const [row] = await rows<{ part: string; made: number }>(
    "results",
    "SELECT tableoid::regclass AS part, ensure_partitions() AS made FROM job_events WHERE job_id = $1",
    [job],
  );
  assert.match(row?.part ?? "", /^job_events_\d{4}_\d{2}$/);
  assert.equal(row?.made, 0);
});
