import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { makeOrg, person } from "../../test/support/context.ts";
import { FAKE, submitScript } from "../../test/support/engine.ts";
import { rounds } from "../../test/support/rounds.ts";
import { testServer } from "../../test/support/server.ts";
import {
  claimAndStart,
  claimOne,
  ended,
  jobState,
  openLab,
  projected,
  queueOf,
  record,
  start,
  startWorker,
  until,
} from "../../test/support/worker.ts";
import { verifyChain } from "../audit/chain.ts";
import { withClient } from "../db/connect.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { cancelJob } from "../jobs/change.ts";
import { showOrgOperation } from "../orgs/operations.ts";
import { perform } from "../perform.ts";
import { sweepLeases } from "../queue/sweep.ts";
import { lockRelay } from "./outbox-store.ts";
import { type Reindexed, reindexOrg } from "./reindex.ts";

const { context, org, scientist, clear } = await openLab({ after });
beforeEach(async () => {
  await clear();
  await context.superuser("TRUNCATE jobs, outbox CASCADE", [], org.database_name);
  await context.superuser("DELETE FROM jobs_meta");
});

const reindex = () => reindexOrg(context, org.org_id, null);
const counts = ({ org_id: _, jobs: __, open_tasks: ___, ...differences }: Reindexed) =>
  Object.fromEntries(Object.entries(differences).filter(([, count]) => count > 0));
const wipe = async () => {
  await context.superuser("DELETE FROM jobs_meta WHERE org_id = $1", [org.org_id]);
  await context.superuser("DELETE FROM task_queue WHERE org_id = $1", [org.org_id]);
};

/** The projection as it stands, and as the results database would have it. */
async function projection(): Promise<{ is: unknown; ought: unknown }> {
  const is = {
    jobs: await context.superuser(
      `SELECT job_id, pipeline_id, submitted_by, status, priority, generation, last_seq, private_to, created_at
       FROM jobs_meta WHERE org_id = $1 ORDER BY job_id`,
      [org.org_id],
    ),
    queue: await context.superuser(
      "SELECT job_id, task_name, engine, priority, rank, generation, fence FROM task_queue WHERE org_id = $1 ORDER BY 1, 2",
      [org.org_id],
    ),
  };
  const ought = {
    jobs: await context.superuser(
      `SELECT job_id, pipeline_id, owner_id AS submitted_by, status, priority, 1::bigint AS generation,
         seq AS last_seq,
         CASE WHEN visibility = 'private' THEN owner_id END AS private_to, created_at FROM jobs ORDER BY job_id`,
      [],
      org.database_name,
    ),
    queue: await context.superuser(
      `SELECT job_id, task_name, engine, priority, rank, 1::bigint AS generation, fence FROM tasks JOIN jobs USING (job_id)
       WHERE tasks.status IN ('ready', 'running') ORDER BY 1, 2`,
      [],
      org.database_name,
    ),
  };
  return { is, ought };
}

test("what a reindex writes equals what the relay wrote, to the row; and where all is right it touches nothing", async () => {
  for (let n = 0; n < 3; n++) await submitScript(context, scientist, { priority: n });
  await record(context, await claimAndStart(context));
  await submitScript(context, scientist, { graph: { first: [], second: ["first"] } });
  await context.results.relay(org.org_id);
  const rows = () =>
    context.superuser(
      "SELECT xmin::text, m.* FROM jobs_meta m ORDER BY job_id; SELECT xmin::text, q.* FROM task_queue q ORDER BY job_id, task_name",
    );
  const before = { rows: await rows(), ...(await projection()) };
  assert.deepEqual(before.is, before.ought);
  const nothing = await reindex();
  assert.deepEqual([nothing.jobs, nothing.open_tasks, counts(nothing)], [4, 3, {}]);
  assert.deepEqual(await rows(), before.rows);
  const whole = await context.superuser("SELECT * FROM task_queue ORDER BY job_id, task_name");
  await wipe();
  assert.deepEqual(counts(await reindex()), { jobs_added: 4, queue_added: 3 });
  assert.deepEqual((await projection()).is, before.is);
  const strip = (row: Record<string, unknown>) => ({ ...row, created_at: 0, available_at: 0 });
  const again = await context.superuser("SELECT * FROM task_queue ORDER BY job_id, task_name");
  assert.deepEqual(again.map(strip), whole.map(strip));
});

test("with the whole projection gone work goes on to its end", async (t) => {
  const jobs = [];
  for (let n = 0; n < 4; n++) jobs.push(await submitScript(context, scientist));
  await wipe();
  startWorker(t, context);
  assert.deepEqual(counts(await reindex()), { jobs_added: 4, queue_added: 4 });
  for (const job of jobs) {
    const { status, calculations, executions } = await ended(context, org.org_id, job);
    assert.deepEqual([status, calculations, executions.length], ["completed", 1, 1]);
    await until("the projection", async () => (await projected(context, job))?.status === "completed");
  }
  await until("an empty queue", async () => (await queueOf(context, org.org_id)).length === 0);
});

test("each kind of damage is found, counted and mended", async () => {
  const jobs: string[] = [];
  for (let n = 0; n < 6; n++) jobs.push(await submitScript(context, scientist));
  const [wrong, behind, lost, engine, gone, last] = jobs as [string, string, string, string, string, string];
  const change = (text: string, ...values: unknown[]) => context.superuser(text, values);
  await change("UPDATE jobs_meta SET status = 'completed' WHERE job_id = $1", wrong);
  await change("UPDATE jobs_meta SET last_seq = 99, status = 'failed' WHERE job_id = $1", behind);
  await change("DELETE FROM jobs_meta WHERE job_id = $1", lost);
  await change("DELETE FROM task_queue WHERE job_id = $1", lost);
  await change("UPDATE task_queue SET engine = 'another', priority = 9 WHERE job_id = $1", engine);
  await change(
    "INSERT INTO jobs_meta SELECT ($2::jsonb ->> 0)::uuid, org_id, pipeline_id, pipeline_version_id, submitted_by, status, priority, generation, last_seq, private_to, created_at, updated_at FROM jobs_meta WHERE job_id = $1",
    wrong,
    JSON.stringify([newId()]),
  );
  await change(
    "INSERT INTO task_queue SELECT org_id, job_id, 'ghost', generation, engine, priority, rank, available_at, NULL, NULL, fence FROM task_queue WHERE job_id = $1",
    wrong,
  );
  await change("UPDATE task_queue SET rank = rank + 1 WHERE job_id = $1", last);
  await context.superuser("UPDATE tasks SET fence = 7 WHERE job_id = $1", [gone], org.database_name);
  assert.deepEqual(counts(await reindex()), {
    jobs_added: 1,
    jobs_changed: 2,
    jobs_removed: 1,
    queue_added: 1,
    queue_changed: 3,
    queue_removed: 1,
  });
  const { is, ought } = await projection();
  assert.deepEqual(is, ought);
  assert.deepEqual(counts(await reindex()), {});
});

test("a valid lease is left alone, claimed only or started; one that ran out is the sweep's", async () => {
  const started = await submitScript(context, scientist);
  const run = await claimAndStart(context);
  const claimed = await submitScript(context, scientist);
  const claim = await claimOne(context);
  assert.deepEqual([run.claim.job_id, claim?.job_id], [started, claimed]);
  const before = await queueOf(context, org.org_id);
  assert.deepEqual(counts(await reindex()), { leases_kept: 2 });
  assert.deepEqual(await queueOf(context, org.org_id), before);
  await record(context, run);
  // Told of nothing yet: the row of a task that ended is its holder's until the relay comes.
  assert.deepEqual(counts(await reindex()), { jobs_changed: 1, leases_kept: 2 });
  await context.results.relay(org.org_id);
  assert.equal((await queueOf(context, org.org_id)).length, 1);
  await context.superuser("UPDATE task_queue SET lease_expires_at = now() - interval '1 s'");
  await reindex();
  assert.equal(await sweepLeases(context.metadata), 1);
});

test("a lease that the results database knows to be overtaken, or of an older generation, is no lease", async () => {
  const job = await submitScript(context, scientist);
  const { claim } = await claimAndStart(context);
  await context.superuser(
    "UPDATE tasks SET fence = $2 WHERE job_id = $1",
    [job, claim.fence + 5],
    org.database_name,
  );
  assert.deepEqual(counts(await reindex()), { jobs_changed: 1, queue_changed: 1 });
  const [row] = await queueOf(context, org.org_id);
  assert.deepEqual([row?.lease_owner, row?.fence], [null, claim.fence + 5]);
});

test("a running task whose row was lost is claimed again; whichever worker is first records it, once", async () => {
  const job = await submitScript(context, scientist);
  const first = await claimAndStart(context);
  await wipe();
  assert.deepEqual(counts(await reindex()), { jobs_added: 1, queue_added: 1 });
  const second = await claimOne(context);
  assert.ok((second?.fence ?? 0) > first.claim.fence);
  await record(context, first);
  assert.ok(second !== undefined && (await start(context, second)).kind === "gone");
  const { status, executions } = await jobState(context, org.org_id, job);
  assert.deepEqual([status, executions.map((row) => row.status)], ["completed", ["completed"]]);
  await context.results.relay(org.org_id);
  assert.deepEqual(await queueOf(context, org.org_id), []);
});

test("facts that wait in the outbox, and facts told again, change nothing that a reindex wrote", async () => {
  const job = await submitScript(context, scientist, { relay: false });
  assert.deepEqual(counts(await reindex()), { jobs_added: 1, queue_added: 1 });
  const run = await claimAndStart(context);
  const leased = await queueOf(context, org.org_id);
  await context.results.relay(org.org_id);
  assert.deepEqual(await queueOf(context, org.org_id), leased, "the claim stands");
  await record(context, run);
  assert.deepEqual(counts(await reindex()), { jobs_changed: 1, leases_kept: 1 });
  await context.superuser("UPDATE outbox SET relayed_at = NULL", [], org.database_name);
  await context.results.relay(org.org_id);
  assert.equal((await projected(context, job))?.status, "completed");
  assert.deepEqual(await queueOf(context, org.org_id), []);
});

test("a reindex waits for the relay that is under way, whose word would be newer than its own", async () => {
  const job = await submitScript(context, scientist);
  const report = await context.results.forMachinery(org.org_id, async ({ tx }) => {
    await lockRelay(tx);
    const reindexed = reindex();
    await until(
      "the reindex to wait",
      async () =>
        (
          await context.superuser(
            "SELECT 1 FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock' AND wait_event = 'advisory'",
            [org.database_name],
          )
        ).length > 0,
      5000,
    );
    await context.results.transact(scientist, (scope) => cancelJob(scope, job));
    return { reindexed };
  });
  assert.deepEqual(counts(await report.reindexed), { jobs_changed: 1, queue_removed: 1 });
  assert.equal((await projected(context, job))?.status, "cancelled");
});

test("audit rows come back from the facts that are kept, once, and the chain is whole", async () => {
  const lab = await makeOrg(context);
  const someone = await person(context, lab, "scientist");
  const ids = Array.from({ length: 1200 }, () => newId());
  await context.superuser(
    `INSERT INTO outbox (topic, payload, relayed_at) SELECT 'audit', jsonb_build_object('org_id', $1::text, 'user_id', $2::text,
       'action', 'test.deed', 'entity_type', 'test', 'entity_id', NULL, 'pipeline_id', NULL, 'job_id', NULL, 'metadata', '{}'::jsonb,
       'ts', '2026-01-01T00:00:00.000Z', 'source_id', id), now() FROM unnest($3::text[]) WITH ORDINALITY AS u(id, n) ORDER BY n`,
    [lab.org_id, someone.user_id, ids],
    lab.database_name,
  );
  assert.equal((await reindexOrg(context, lab.org_id, null)).audit_added, 1200);
  const { superuser } = await testServer();
  await withClient({ ...superuser, database: context.database }, "aliquot tests", async (client) => {
    await client.query("SET session_replication_role = replica");
    await client.query("DELETE FROM audit_logs WHERE chain_id = $1", [lab.org_id]);
    await client.query("DELETE FROM audit_heads WHERE chain_id = $1", [lab.org_id]);
  });
  assert.equal((await reindexOrg(context, lab.org_id, null)).audit_added, 1200);
  assert.equal((await reindexOrg(context, lab.org_id, null)).audit_added, 0);
  const rows = await context.superuser<{ source_id: string }>(
    "SELECT source_id FROM audit_logs WHERE chain_id = $1 AND action = 'test.deed' ORDER BY seq",
    [lab.org_id],
  );
  assert.deepEqual(
    rows.map((row) => row.source_id),
    ids,
  );
  assert.equal((await context.metadata.system((tx) => verifyChain(tx, lab.org_id))).first_bad_seq, null);
});

test("more jobs than one page holds are read by pages", async () => {
  const lab = await makeOrg(context);
  const jobs = 12_345;
  await context.superuser(
    `INSERT INTO pipeline_specs (spec_hash, name, version, spec) VALUES (repeat('0', 64), 'many', '1', '{"version": "1", "tasks": {}}');
     INSERT INTO jobs (spec_hash, pipeline_version, status, input_signature, params, owner_id)
       SELECT repeat('0', 64), '1', 'queued', repeat('0', 64), '{}', new_id() FROM generate_series(1, ${jobs});
     INSERT INTO tasks (job_id, task_name, engine, status) SELECT job_id, 'run', '${FAKE}', 'ready' FROM jobs`,
    [],
    lab.database_name,
  );
  const first = await reindexOrg(context, lab.org_id, null);
  assert.deepEqual([first.jobs, first.open_tasks], [jobs, jobs]);
  assert.deepEqual(counts(first), { jobs_added: jobs, queue_added: jobs });
  assert.deepEqual(counts(await reindexOrg(context, lab.org_id, null)), {});
  await context.superuser("DELETE FROM task_queue WHERE org_id = $1", [lab.org_id]);
});

async function deleteLocked(table: string, where: string): Promise<void> {
  await context.superuser(`LOCK TABLE ${table} IN EXCLUSIVE MODE; DELETE FROM ${table} WHERE ${where}`);
}

test("reindexing again and again while jobs are submitted, run and cancelled loses nothing and doubles nothing", async (t) => {
  startWorker(t, context, { slots: 2 });
  startWorker(t, context, { slots: 2 });
  const jobs: { id: string; cancelled: boolean }[] = [];
  let busy = true;
  const submitting = (async () => {
    for (let n = 0; n < rounds(12, 60); n++) {
      const graph = n % 3 === 0 ? { first: [], second: ["first"] } : { run: [] };
      // Some are told by nobody but the reindex and the reconciler.
      const id = await submitScript(context, scientist, { graph, relay: n % 2 === 0 });
      const cancelled =
        n % 5 === 4 &&
        (await context.results
          .transact(scientist, (scope) => cancelJob(scope, id))
          .then(
            () => true,
            (error: AppError) => error.kind !== "conflict",
          ));
      jobs.push({ id, cancelled });
    }
    busy = false;
  })();
  let turns = 0;
  const done = async () =>
    !busy &&
    (
      await context.superuser(
        "SELECT 1 FROM jobs WHERE status NOT IN ('completed', 'cancelled')",
        [],
        org.database_name,
      )
    ).length === 0;
  while (!(await done())) {
    // Now and then the whole index is lost; the queue keeps what is leased, as a crash of ours would leave it.
    // Each table is locked before, or its many rows would meet a relay's in another order.
    if (turns % 4 === 3) await deleteLocked("jobs_meta", `org_id = '${org.org_id}'`);
    if (turns % 4 === 3) await deleteLocked("task_queue", `org_id = '${org.org_id}' AND lease_owner IS NULL`);
    await reindex();
    turns++;
  }
  await submitting;
  assert.ok(turns > 4, `${turns} reindexes`);
  for (const { id, cancelled } of jobs) {
    const state = await jobState(context, org.org_id, id);
    assert.equal(state.status, cancelled ? "cancelled" : "completed");
    for (const task of state.tasks.filter(({ status }) => status === "completed"))
      assert.equal(
        state.events.filter((row) => row.event === "task_completed").length >= 1 && task.status,
        "completed",
      );
    if (!cancelled) assert.equal(state.calculations, state.tasks.length, "each task recorded once");
    if (!cancelled) assert.equal(state.executions.length, state.tasks.length, "and run once");
  }
  await context.results.relay(org.org_id);
  const { is, ought } = await projection();
  assert.deepEqual(is, ought);
  assert.deepEqual(counts(await reindex()), {});
});

test("what is audited says who asked, and an unknown organization is told as such", async () => {
  const report = await reindexOrg(context, org.org_id, scientist.user_id);
  const [row] = await context.superuser<{ user_id: string; metadata: object }>(
    "SELECT user_id, metadata FROM audit_logs WHERE org_id = $1 AND action = 'org.reindex' ORDER BY seq DESC LIMIT 1",
    [org.org_id],
  );
  const { org_id: _, ...numbers } = report;
  assert.deepEqual(row, { user_id: scientist.user_id, metadata: numbers });
  await assert.rejects(
    reindexOrg(context, newId(), null),
    (error) => error instanceof AppError && error.kind === "not_found",
  );
  assert.equal((await perform(context, showOrgOperation, scientist, { org: org.org_id })).status, "active");
});
