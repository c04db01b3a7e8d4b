import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Check } from "typebox/value";
import { openTestContext } from "../../test/support/context.ts";
import { PipelineSpec } from "../pipelines/schema.ts";
import { readSeeds } from "./files.ts";
import { seed } from "./seed.ts";

const context = await openTestContext({ after });
const again = (force: boolean, adminEmail = "other@example.org") =>
  seed(context.metadata, { adminEmail, force });

const everything = async () => {
  const tables = [
    "roles",
    "role_permissions",
    "users",
    "task_definitions",
    "task_services",
    "pipeline_templates",
    "pipelines",
    "pipeline_versions",
  ];
  const rows = await Promise.all(
    tables.map((table) =>
      context.superuser<{ row: object }>(
        `SELECT to_jsonb(t) - 'updated_at' AS row FROM ${table} t ORDER BY 1`,
      ),
    ),
  );
  return Object.fromEntries(tables.map((table, index) => [table, rows[index]]));
};

test("seeding again adds and changes nothing", async () => {
  const before = await everything();
  assert.deepEqual(await again(false), {
    roles: 0,
    users: 0,
    task_definitions: 0,
    task_services: 0,
    pipelines: 0,
  });
  assert.deepEqual(await everything(), before);
});

test("seeding four times at once on the seeded database changes nothing either", async () => {
  const before = await everything();
  await Promise.all([again(false), again(false), again(false), again(false)]);
  assert.deepEqual(await everything(), before);
});

test("with force what is the system's and was changed is put back, and what people made is left", async () => {
  await context.superuser("UPDATE task_definitions SET config = '{\"mine\": 1}' WHERE org_id IS NULL");
  await context.superuser("DELETE FROM role_permissions WHERE permission = 'jobs:submit'");
  await context.superuser("INSERT INTO users (email, username) VALUES ('me@example.org', 'me')");
  await again(false);
  const config = async () =>
    (await context.superuser("SELECT config FROM task_definitions WHERE org_id IS NULL"))[0]?.["config"];
  assert.deepEqual(await config(), { mine: 1 }, "without force a changed definition stays");
  await again(true);
  assert.notDeepEqual(await config(), { mine: 1 });
  assert.equal(
    (await context.superuser("SELECT 1 FROM role_permissions WHERE permission = 'jobs:submit'")).length > 0,
    true,
  );
  assert.equal((await context.superuser("SELECT 1 FROM users WHERE username = 'me'")).length, 1);
});

test("every seeded pipeline is a graph as its schema says, whose tasks exist and wait for tasks of its own, without a circle", async () => {
  const { pipelines, taskDefinitions, taskServices } = await readSeeds();
  assert.ok(pipelines.length >= 2);
  for (const { name, version, spec } of pipelines) {
    assert.ok(Check(PipelineSpec, spec), name);
    assert.equal(spec.version, version, name);
    const done = new Set<string>();
    const tasks = Object.entries(spec.tasks);
    for (const [, task] of tasks) {
      assert.ok(
        taskDefinitions.some((one) => one.name === task.task && one.version === task.task_version),
        name,
      );
      assert.ok(
        taskServices.some((one) => one.name === task.engine),
        name,
      );
    }
    for (let round = 0; round < tasks.length; round++)
      for (const [task, { after: before }] of tasks) if (before.every((one) => done.has(one))) done.add(task);
    assert.equal(done.size, tasks.length, `${name} has a circle or waits for a task that it lacks`);
  }
});
