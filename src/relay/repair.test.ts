import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { submitScript } from "../../test/support/engine.ts";
import { claimAndStart, jobState, openLab, projected, queueOf, record } from "../../test/support/worker.ts";
import { checkHealth } from "../health/checks.ts";
import { cancelJob } from "../jobs/change.ts";
import { reindexOrg } from "./reindex.ts";
import { repairOrg } from "./repair.ts";

const { context, org, scientist, clear } = await openLab({ after });
beforeEach(async () => {
  await clear();
  for (const table of ["jobs", "event_logs"])
    await context.superuser(`DELETE FROM ${table}`, [], org.database_name);
  await context.superuser("DELETE FROM jobs_meta");
});

/** As if what there is had been there for an hour. */
const grow = () =>
  context.superuser(
    "ALTER TABLE tasks DISABLE TRIGGER USER; UPDATE tasks SET updated_at = now() - interval '1 hour', available_at = available_at - interval '1 hour'; ALTER TABLE tasks ENABLE TRIGGER USER",
    [],
    org.database_name,
  );
const repair = () => repairOrg(context, org.org_id);
const NOTHING = { tasks: 0, jobs: 0, batches: 0 };

test("where all is right nothing is repaired, and nothing is told", async () => {
  await submitScript(context, scientist, { graph: { a: [], b: ["a"] } });
  await record(context, await claimAndStart(context));
  await context.results.relay(org.org_id);
  const cancelled = await submitScript(context, scientist);
  await context.results.transact(scientist, (scope) => cancelJob(scope, cancelled));
  await context.results.relay(org.org_id);
  await grow();
  assert.deepEqual(await repair(), NOTHING);
  const rows = await context.superuser(
    "SELECT 1 FROM event_logs WHERE error_code = 'repaired'",
    [],
    org.database_name,
  );
  assert.deepEqual(rows, []);
});

test("tasks that the queue lost come back to it, ready ones and running ones, and health tells of it", async () => {
  const running = await submitScript(context, scientist);
  const run = await claimAndStart(context);
  const ready = await submitScript(context, scientist);
  await context.superuser("DELETE FROM task_queue");
  assert.deepEqual(await repair(), NOTHING, "what is younger than a minute is still on its way");
  await grow();
  assert.deepEqual(await repair(), { ...NOTHING, tasks: 2 });
  const rows = await queueOf(context, org.org_id);
  assert.deepEqual(new Set(rows.map((row) => row.job_id)), new Set([running, ready]));
  assert.equal(rows.find((row) => row.job_id === running)?.fence, run.claim.fence);
  assert.deepEqual(await repair(), NOTHING);
  const { checks } = await checkHealth(context);
  const detail = checks.find(({ name }) => name === `organization ${org.slug}`)?.detail ?? "";
  assert.match(detail, /, 1 repairs in a day/);
  for (let n = 0; n < 2; n++) await record(context, await claimAndStart(context));
  for (const id of [running, ready])
    assert.equal((await jobState(context, org.org_id, id)).status, "completed");
});

test("a projection that says something else than the jobs is rewritten; facts on their way are no difference", async () => {
  const job = await submitScript(context, scientist);
  await submitScript(context, scientist, { relay: false });
  assert.deepEqual(await repair(), NOTHING);
  await context.results.relay(org.org_id);
  await context.superuser("UPDATE jobs_meta SET status = 'completed', last_seq = 99 WHERE job_id = $1", [
    job,
  ]);
  assert.deepEqual(await repair(), { ...NOTHING, jobs: 1 });
  assert.equal((await projected(context, job))?.status, "queued");
});

/** Rows that nobody could claim: one for its time, one for a fence that a fact made up. */
async function damage(): Promise<void> {
  await context.superuser("UPDATE task_queue SET available_at = '2999-01-01' WHERE task_name = 'a'");
  await context.superuser(`UPDATE task_queue SET fence = ${2 ** 52} WHERE task_name = 'b'`);
}

test("a time or a fence that no claim would ever come over is set back, by a repair and by a reindex", async () => {
  await submitScript(context, scientist, { graph: { a: [], b: [], c: [] } });
  await grow();
  const repairs = [
    async () => (await repair()).tasks,
    async () => (await reindexOrg(context, org.org_id, null)).queue_changed,
  ];
  for (const mend of repairs) {
    await damage();
    assert.equal(await mend(), 2);
    const rows = await queueOf(context, org.org_id);
    assert.ok(
      rows.every((row) => row.fence === 0 && new Date(row.available_at).getTime() <= Date.now() + 5000),
    );
    assert.equal(await mend(), 0);
  }
});

test("a job that the projection has otherwise is found also while facts of others are on their way", async () => {
  const [wrong, gone] = [await submitScript(context, scientist), await submitScript(context, scientist)];
  await submitScript(context, scientist, { relay: false });
  const old = "updated_at = now() - interval '1 hour' WHERE job_id = ANY ($1)";
  await context.superuser(`UPDATE jobs_meta SET last_seq = 77, ${old}`, [[wrong]]);
  await context.superuser("DELETE FROM jobs_meta WHERE job_id = $1", [gone]);
  await context.superuser("ALTER TABLE jobs DISABLE TRIGGER USER", [], org.database_name);
  await context.superuser(`UPDATE jobs SET ${old}`, [[wrong, gone]], org.database_name);
  await context.superuser("ALTER TABLE jobs ENABLE TRIGGER USER", [], org.database_name);
  assert.deepEqual(await repair(), { ...NOTHING, jobs: 2 });
  assert.equal((await projected(context, wrong))?.last_seq, 1);
  assert.deepEqual(await repair(), NOTHING);
});
