import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openTestContext } from "../../test/support/context.ts";
import { testServer } from "../../test/support/server.ts";
import { canonical, signatureOf } from "../canonical.ts";
import { withClient } from "../db/connect.ts";
import { AppError } from "../errors.ts";
import { readSeeds } from "./files.ts";
import { countsOf, type SeedChange } from "./report.ts";
import { seed } from "./seed.ts";
import { seedFolder } from "./support.test.ts";

const context = await openTestContext({ after });
const again = (options: { force?: boolean; adminEmail?: string; folder?: string } = {}) =>
  seed(context.metadata, { adminEmail: "other@example.org", force: false, ...options });

const TABLES = [
  "roles",
  "role_permissions",
  "users",
  "task_definitions",
  "task_services",
  "pipeline_templates",
  "pipelines",
  "pipeline_versions",
];

const everything = async (without = "created_at") => {
  const rows = await Promise.all(
    TABLES.map((table) =>
      context.superuser<{ row: object }>(
        `SELECT to_jsonb(t) - 'updated_at' - $1 AS row FROM ${table} t ORDER BY 1`,
        [without],
      ),
    ),
  );
  return Object.fromEntries(TABLES.map((table, index) => [table, rows[index]]));
};
const audited = async () =>
  (
    await context.superuser<{ metadata: object }>(
      "SELECT metadata FROM audit_logs WHERE action = 'seed' ORDER BY seq",
    )
  ).map(({ metadata }) => metadata);

const told = (changes: SeedChange[]) =>
  changes.map(({ kind, name, change, what }) => `${change} ${kind} ${name} ${what.join(" ")}`.trimEnd());

test("a fresh database has everything, and the audit log how much of it", async () => {
  const { roles } = await readSeeds();
  const permissions = [...new Set(roles.flatMap((role) => role.permissions))].toSorted();
  assert.deepEqual(await audited(), [
    {
      roles: 5,
      users: 1,
      task_definitions: 2,
      task_services: 2,
      pipelines: 5,
      pipeline_templates: 5,
      permissions,
    },
  ]);
});

test("seeding again, with force or four times at once, adds and changes nothing and audits nothing", async () => {
  const before = [await everything(), await audited()];
  assert.deepEqual(await again(), []);
  assert.deepEqual(await again({ force: true }), []);
  await Promise.all([again(), again({ force: true }), again(), again()]);
  assert.deepEqual([await everything(), await audited()], before);
});

test("four seedings at once of an empty database put in everything once", async () => {
  const before = await everything("user_id");
  await context.superuser("ALTER TABLE pipeline_versions DISABLE TRIGGER USER");
  await context.superuser(`TRUNCATE ${TABLES.join(", ")} CASCADE`);
  await context.superuser("ALTER TABLE pipeline_versions ENABLE TRIGGER USER");
  const many = await Promise.all(
    Array.from({ length: 4 }, () => again({ adminEmail: context.config.admin_email })),
  );
  assert.deepEqual(
    many.map((changes) => changes.length).sort((a, b) => a - b),
    [0, 0, 0, 20],
  );
  assert.deepEqual(countsOf(many.flat()), {
    roles: 5,
    users: 1,
    task_definitions: 2,
    task_services: 2,
    pipelines: 5,
    pipeline_templates: 5,
    organizations: 0,
    sample_molecules: 0,
  });
  const names = (state: Record<string, { row: object }[] | undefined>) =>
    Object.entries(state).map(([table, rows]) => [
      table,
      rows?.map(({ row }) => (row as { name?: string }).name).sort(),
    ]);
  assert.deepEqual(names(await everything("user_id")), names(before));
});

test("what was changed of the system's is left and told without force, and put back with it", async () => {
  for (const change of [
    `UPDATE task_definitions SET config = '{"mine": 1}', task_type = 'analysis' WHERE name = 'xtb'`,
    "UPDATE task_services SET kind = 'external', version = '6.7.1', status = 'available' WHERE name = 'vina'",
    "UPDATE pipelines SET description = 'mine', visibility = 'organization' WHERE name = 'dock'",
    `UPDATE pipeline_templates SET spec = '{"version": "1", "tasks": {}}' WHERE name = 'dock'`,
    "INSERT INTO role_permissions SELECT role_id, 'jobs:manage' FROM roles WHERE name = 'viewer'",
    "DELETE FROM role_permissions WHERE permission = 'jobs:submit' AND role_id = (SELECT role_id FROM roles WHERE name = 'scientist')",
    // No other role has it: that it was seeded once is what tells it from a new one.
    "DELETE FROM role_permissions WHERE permission = 'orgs:delete'",
  ])
    await context.superuser(change);
  const before = await everything();
  const DIFFERS = [
    "role owner +orgs:delete",
    "role scientist +jobs:submit",
    "role viewer -jobs:manage",
    "task_definition xtb 1 task_type config",
    "task_service vina kind",
    "pipeline dock description visibility",
    "pipeline_template dock spec",
  ];
  assert.deepEqual(told(await again()).sort(), DIFFERS.map((text) => `differs ${text}`).sort());
  assert.deepEqual(await everything(), before);
  assert.deepEqual(
    told(await again({ force: true })).sort(),
    DIFFERS.map((text) => `put_back ${text}`).sort(),
  );
  assert.deepEqual((await audited()).at(-1), {
    roles: 3,
    permissions: ["jobs:submit", "orgs:delete"],
    task_definitions: 1,
    task_services: 1,
    pipelines: 1,
    pipeline_templates: 1,
  });
  assert.deepEqual(await again({ force: true }), []);
  const [vina] = await context.superuser(
    "SELECT kind, version, status FROM task_services WHERE name = 'vina'",
  );
  assert.deepEqual(
    vina,
    { kind: "engine", version: "6.7.1", status: "available" },
    "what a worker found is lost",
  );
});

test("with force what people made stays: their roles and pipelines, the admin's address and password", async () => {
  const org = "(SELECT org_id FROM organizations WHERE slug = 'seeded')";
  for (const change of [
    "INSERT INTO organizations (name, slug, status) VALUES ('Seeded', 'seeded', 'active')",
    `INSERT INTO roles (name, org_id) VALUES ('viewer', ${org}), ('auditor', NULL)`,
    `INSERT INTO role_permissions SELECT role_id, 'jobs:manage' FROM roles WHERE org_id = ${org} OR name = 'auditor'`,
    `INSERT INTO task_definitions (org_id, name, version, task_type, input_schema, output_schema)
       VALUES (${org}, 'xtb', '1', 'analysis', '{}', '{}')`,
    `INSERT INTO pipelines (org_id, name, latest_version) VALUES (${org}, 'dock', '9')`,
    `INSERT INTO pipeline_versions (pipeline_id, version, spec, published)
       SELECT pipeline_id, '1', '{"version": "1", "tasks": {}}', true FROM pipelines WHERE org_id = ${org}`,
    `INSERT INTO pipeline_templates (org_id, name, spec) VALUES (${org}, 'dock', '{"version": "1", "tasks": {}}')`,
    "INSERT INTO users (email, username) VALUES ('me@example.org', 'me')",
    "UPDATE users SET email = 'boss@example.org', hashed_password = 'kept', enabled = false, username = 'Admin' WHERE username = 'admin'",
  ])
    await context.superuser(change);
  const before = await everything();
  assert.deepEqual(await again({ force: true }), []);
  assert.deepEqual(await everything(), before);
  // The system's rows of the same names are put back, and those beside them are not taken for them.
  for (const change of [
    "UPDATE task_definitions SET config = '{}' WHERE org_id IS NULL AND name = 'xtb'",
    "UPDATE pipelines SET description = 'x' WHERE org_id IS NULL AND name = 'dock'",
    "UPDATE pipeline_templates SET description = 'x' WHERE org_id IS NULL AND name = 'dock'",
    "INSERT INTO role_permissions SELECT role_id, 'sites:write' FROM roles WHERE org_id IS NULL AND name = 'viewer'",
  ])
    await context.superuser(change);
  assert.equal((await again({ force: true })).length, 4);
  assert.deepEqual(await everything(), before);
});

test("a new version in the files is published, brings its template along, and the old one stays as it is", async (t) => {
  const folder = seedFolder(t, "pipeline_templates", (list) => {
    for (const one of list.filter(({ name }) => name === "dock"))
      Object.assign(one, { version: "2", description: "newer", spec: { ...one["spec"], version: "2" } });
  });
  const old =
    "SELECT v.* FROM pipeline_versions v JOIN pipelines p USING (pipeline_id) WHERE v.version = '1' AND p.org_id IS NULL ORDER BY 1";
  const before = await context.superuser(old);
  assert.deepEqual(told(await again({ folder })), [
    "updated pipeline dock version 2",
    "updated pipeline dock description latest_version",
    "updated pipeline_template dock description spec",
  ]);
  assert.deepEqual(await context.superuser(old), before);
  const [line] = await context.superuser(
    "SELECT latest_version FROM pipelines WHERE name = 'dock' AND org_id IS NULL",
  );
  assert.deepEqual(line, { latest_version: "2" });
});

test("a task definition that stands as an earlier release seeded it is brought up to date, one that was changed is left", async (t) => {
  const folder = seedFolder(t, "task_definitions", (list) => {
    // What this program seeds is what the next one seeded formerly.
    for (const one of list) {
      const { task_type, input_schema, output_schema, config } = one;
      one.formerly = [signatureOf(canonical({ task_type, input_schema, output_schema, config }))];
      one.output_schema = { type: "object", description: "newer" };
    }
  });
  await context.superuser("UPDATE task_definitions SET task_type = 'analysis' WHERE name = 'vina'");
  const definitions = async (options: Parameters<typeof again>[0]) =>
    told((await again(options)).filter((one) => one.kind === "task_definition"));
  assert.deepEqual(await definitions({ folder }), [
    "updated task_definition xtb 1 output_schema",
    "differs task_definition vina 1 task_type output_schema",
  ]);
  assert.deepEqual(await definitions({ force: true }), [
    "put_back task_definition xtb 1 output_schema",
    "put_back task_definition vina 1 task_type",
  ]);
});

test("another graph under a published version is refused, says to raise the version, and leaves nothing behind", async (t) => {
  const folder = seedFolder(t, "pipeline_templates", (list) => {
    list[0]["spec"].tasks.optimize.max_attempts = 9;
    list.push({ ...list[0], name: "brand-new" });
  });
  const before = await everything();
  for (const force of [false, true])
    await assert.rejects(
      again({ folder, force }),
      (error) =>
        error instanceof AppError &&
        error.kind === "conflict" &&
        /pipeline xtb-optimize version 1 is published with another graph.*raise its version in seeds\/pipeline_templates\.json/.test(
          error.message,
        ),
    );
  assert.deepEqual(await everything(), before);
});

test("an ADMIN_EMAIL that is somebody else's is told as such", async () => {
  await context.superuser("UPDATE users SET username = 'was-admin' WHERE username = 'Admin'");
  await assert.rejects(
    again({ adminEmail: "ME@example.org" }),
    (error) =>
      error instanceof AppError &&
      error.kind === "conflict" &&
      /ME@example\.org; set ADMIN_EMAIL/.test(error.message),
  );
});

test("a permission that no seeding ever gave is new in this version, and the roles that should have it get it", async () => {
  // As after a seeding by a version that did not know it.
  const { superuser } = await testServer();
  await withClient({ ...superuser, database: context.database }, "aliquot tests", async (client) => {
    await client.query("SET session_replication_role = replica");
    await client.query(
      `UPDATE audit_logs SET metadata = jsonb_set(metadata, '{permissions}', (metadata -> 'permissions') - 'docking:read')
       WHERE metadata ? 'permissions'`,
    );
    await client.query("DELETE FROM role_permissions WHERE permission = 'docking:read'");
  });
  const { roles } = await readSeeds();
  const having = roles.filter((role) => role.permissions.includes("docking:read"));
  const roleChanges = async () => told((await again()).filter(({ kind }) => kind === "role")).sort();
  assert.deepEqual(
    await roleChanges(),
    having.map(({ name }) => `updated role ${name} +docking:read`).sort(),
  );
  assert.deepEqual(await roleChanges(), []);
});
