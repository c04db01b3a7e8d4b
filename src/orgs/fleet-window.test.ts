import assert from "node:assert/strict";
import { after, test } from "node:test";
import { makeOrg, openTestContext, person, type TestContext } from "../../test/support/context.ts";
import { submitScript } from "../../test/support/engine.ts";
import { withMigration } from "../../test/support/fleet.ts";
import { testServer } from "../../test/support/server.ts";
import { startWorker, until } from "../../test/support/worker.ts";
import { linkOpener } from "../db/connect.ts";
import type { SchemaWindow } from "../db/window.ts";
import { AppError } from "../errors.ts";
import { relayOrg } from "../relay/relay.ts";
import { Secret } from "../secrets.ts";
import { ResultsDoor } from "./door.ts";
import { migrateFleet } from "./fleet.ts";
import type { Org } from "./schema.ts";

const context = await openTestContext({ after });
const secret = new Secret((await testServer()).secret);
const known = context.migrations.results;
const latest = known.length;
const harmless = withMigration(known, "extra_create", "CREATE TABLE extra (x int);", "DROP TABLE extra;");
const breaking = withMigration(
  harmless,
  "extra_drop",
  "-- breaking\n-- nobody reads it any more\nDROP TABLE extra;",
  "CREATE TABLE extra (x int);",
);
const kind = (wanted: string) => (error: unknown) => error instanceof AppError && error.kind === wanted;

/** The same services as a program with another window has them. */
function programWith(window: SchemaWindow): TestContext {
  const { config, roles, admin } = context;
  const results = new ResultsDoor(context.metadata, {
    servers: { metadata: admin },
    roles,
    secret,
    window,
    pools: {
      open: linkOpener("aliquot tests"),
      budget: 4,
      each: 2,
      recycle_seconds: config.pool_recycle_seconds,
    },
  });
  const relay = async (orgId: string) => void (await relayOrg(context.metadata, results, orgId));
  results.relay = Object.assign(relay, { soon: relay });
  after(async () => void (await results[Symbol.asyncDispose]()));
  return { ...context, results };
}

const read = ({ results }: TestContext, { org_id }: Org) =>
  results.forMachinery(org_id, ({ tx }) => tx.selectFrom("jobs").select("job_id").execute());

async function migrateTo(org: Org, migrations: typeof known, direction: "up" | "down" = "up"): Promise<void> {
  const settings = { admin: context.admin, roles: context.roles, migrations };
  const to = migrations.length;
  const report = await migrateFleet(context.metadata, settings, { direction, to, org_id: org.org_id });
  assert.equal(report.counts.migrated, 1, JSON.stringify(report.items));
  context.results.forget(org.org_id);
}

test("old code serves an organization with a newer harmless schema, and refuses one with a breaking schema", async () => {
  const [one, two] = [await makeOrg(context), await makeOrg(context)];
  const old = programWith({ min: latest, max: latest });
  await migrateTo(one, harmless);
  await read(old, one);
  await migrateTo(two, breaking);
  await assert.rejects(read(old, two), kind("app_too_old"));
  await read(old, one);
  const [row] = await context.superuser(
    "SELECT schema_version, breaking_version FROM org_databases WHERE org_id = $1",
    [two.org_id],
  );
  assert.deepEqual(row, { schema_version: latest + 2, breaking_version: latest + 2 });
  await read(programWith({ min: latest, max: latest + 2 }), two);
  // Taken back, the copy in the directory is lowered too, and old code is let in again.
  const settings = { admin: context.admin, roles: context.roles, migrations: breaking };
  await migrateFleet(context.metadata, settings, { direction: "down", to: latest + 1, org_id: two.org_id });
  old.results.forget(two.org_id);
  await read(old, two);
});

test("new code that needs more lets an older organization wait, with its queued tasks, and goes on after the migration", async (t) => {
  const org = await makeOrg(context);
  const scientist = await person(context, org, "scientist");
  const newer = programWith({ min: latest + 1, max: latest + 1 });
  const job = await submitScript(context, scientist);
  await assert.rejects(
    newer.results.read(scientist, async () => {}),
    kind("org_upgrading"),
  );
  const worker = startWorker(t, newer);
  const queue = () =>
    context.superuser<{ fence: number; waiting: boolean }>(
      "SELECT fence, lease_owner IS NULL AS waiting FROM task_queue WHERE job_id = $1",
      [job],
    );
  await until("the worker to have tried", async () => {
    const [row] = await queue();
    return row !== undefined && row.fence > 0 && row.waiting;
  });
  const [task] = await context.superuser<{ status: string; attempt: number }>(
    "SELECT status, attempt FROM tasks WHERE job_id = $1",
    [job],
    org.database_name,
  );
  assert.deepEqual(task, { status: "ready", attempt: 0 }, "queued, and no attempt is counted");
  await migrateTo(org, harmless);
  newer.results.forget(org.org_id);
  await context.superuser("UPDATE task_queue SET available_at = now() WHERE job_id = $1", [job]);
  await until("the job to complete", async () => {
    const [row] = await context.superuser<{ status: string }>(
      "SELECT status FROM jobs WHERE job_id = $1",
      [job],
      org.database_name,
    );
    return row?.status === "completed";
  });
  await worker.stop();
});
