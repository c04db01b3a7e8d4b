import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { after, describe, test } from "node:test";
import { openTestContext, person } from "../../test/support/context.ts";
import { killedAt, orphans, salted, startCreating } from "../../test/support/provisioning.ts";
import { until } from "../../test/support/worker.ts";
import { perform } from "../perform.ts";
import { createOrgOperation } from "./operations.ts";
import { templateName } from "./template.ts";

const prefix = `kill_${randomBytes(4).toString("hex")}_`;
const context = await openTestContext({ after }, { env: { RESULTS_DB_TEMPLATE: `${prefix}{org_id}` } });
const create = (name: string, idempotencyKey?: string) =>
  perform(
    context,
    createOrgOperation,
    context.admin_principal,
    { name },
    idempotencyKey === undefined ? {} : { idempotencyKey },
  );

const stateOf = async (name: string) => {
  const [row] = await context.superuser<{ state: string; status: string }>(
    "SELECT state, status FROM org_databases JOIN organizations USING (org_id) WHERE name = $1",
    [name],
  );
  return row;
};

const works = async (org_id: string) => {
  context.results.forget(org_id);
  const scientist = await person(context, { org_id }, "scientist");
  await context.results.transact(scientist, ({ tx }) => tx.selectFrom("jobs").select("job_id").execute());
};

/** Points of a provisioning, and the states that a kill there may leave: a note may lag behind its effect. */
const POINTS: [point: string, states: string[]][] = [
  ["role done", ["requested"]],
  ["role noted", ["role"]],
  ["database done", ["role"]],
  ["database noted", ["database"]],
  ["grants done", ["role", "database"]],
  ["grants noted", ["grants"]],
  ["verified done", ["database", "grants"]],
];

describe("killed", { concurrency: 3 }, () => {
  for (const [point, states] of POINTS) {
    test(`a provisioning that is killed at "${point}" is finished by the same request, and nothing is left over`, async () => {
      const name = `Killed at ${point}`;
      await killedAt(context, point, { names: [name] });
      const left = await stateOf(name);
      assert.equal(left?.status, "provisioning");
      assert.ok(states.includes(left.state), `${left.state} is one of ${states}`);
      const org = await create(name, name);
      assert.equal(org.status, "active");
      assert.equal(org.schema_version, context.migrations.results.length);
      assert.deepEqual(await create(name, name), org, "the same request has the same answer");
      assert.deepEqual(await stateOf(name), { state: "active", status: "active" });
      await works(org.org_id);
      assert.deepEqual(await orphans(context, prefix), []);
    });
  }
});

test("one that is killed when all was done, before it could answer, answers the same request", async () => {
  const name = "Killed unanswered";
  await killedAt(context, "active noted", { names: [name] });
  assert.equal((await stateOf(name))?.state, "active");
  const answers = await context.superuser<{ answer: { status: string } | null }>(
    "SELECT answer FROM idempotency_keys WHERE key = $1",
    [name],
  );
  assert.deepEqual(
    answers.map(({ answer }) => answer?.status),
    ["active"],
    "the answer was kept with what it tells of",
  );
  const org = await create(name, name);
  await works(org.org_id);
  const [audited] = await context.superuser<{ n: number }>(
    "SELECT count(*) AS n FROM audit_logs WHERE action = 'org.create' AND org_id = $1",
    [org.org_id],
  );
  assert.equal(audited?.n, 1);
  await assert.rejects(create(name), /exists already/, "without its key it is another request");
});

test("without an idempotency key too, the same command finishes what was killed", async () => {
  await killedAt(context, "database done", { names: ["Killed keyless"] });
  await works((await create("killed KEYLESS")).org_id);
});

test("a template whose maker was killed is made again, and its half is gone", async () => {
  const salt = prefix;
  const migrations = salted(context.migrations.results, salt);
  const name = templateName({ roles: context.roles, migrations });
  const databases = async () =>
    (
      await context.superuser<{ datname: string }>(
        "SELECT datname FROM pg_database WHERE datname LIKE $1 || '%'",
        [name],
      )
    ).map((row) => row.datname);
  const child = startCreating(context, { names: ["Killed template"], salt });
  const exit = once(child, "exit");
  try {
    await until("the template is half made", async () => (await databases()).includes(`${name}_making`));
  } finally {
    child.kill("SIGKILL");
    await exit;
  }
  assert.deepEqual(await databases(), [`${name}_making`]);
  const again = startCreating(context, { names: ["Killed template"], salt });
  assert.deepEqual(await once(again, "exit"), [0, null]);
  assert.deepEqual(await databases(), [name]);
  assert.equal((await stateOf("Killed template"))?.state, "active");
  await context.superuser(`DROP DATABASE ${name}`);
});

test("a key that began and never finished gives nobody another's organization", async () => {
  const org = await create("Somebody else's", "a key");
  await context.superuser("UPDATE idempotency_keys SET answer = NULL WHERE key = 'a key'");
  assert.deepEqual(await create("Somebody else's", "a key"), org, "its own is found again");
  await context.superuser("UPDATE idempotency_keys SET answer = NULL WHERE key = 'a key'");
  await context.superuser("DELETE FROM membership_roles WHERE org_id = $1", [org.org_id]);
  await assert.rejects(create("Somebody else's", "a key"), /exists already/);
});
