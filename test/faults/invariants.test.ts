import assert from "node:assert/strict";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, test } from "node:test";
import { cancelJob } from "../../src/jobs/change.ts";
import { submitScript } from "../support/engine.ts";
import { checkInvariants } from "../support/invariants.ts";
import { METADATA_CHECKS, RESULTS_CHECKS } from "../support/invariants-sql.ts";
import { ended, openLab, startWorker, until } from "../support/worker.ts";

const { context, org, scientist } = await openLab({ after });

const NEW_EXECUTION = `INSERT INTO task_executions (job_id, task_name, attempt, status, fence, signature, ended_at)
  SELECT job_id, 'run', attempt + 1, `;
const BATCH = `INSERT INTO batch_jobs (batch_id, spec_hash, name, total_items, owner_id, status, ended_at)
  SELECT job_id, spec_hash, 'b', `;

const poses = (job: string, task: string, copies: number) =>
  `INSERT INTO docking_results (job_id, task_name, protocol_id, site_id, molecule_id, pose_rank, seed, torsions,
    affinity_kcal_mol, affinity_reported_kcal_mol, affinity_source, heavy_atoms, pose_structure_id, program, program_version)
   SELECT '${job}', '${task}', new_id(), new_id(), new_id(), 1, 42, 0, -7, -7, 'terms', 9, new_id(), 'vina', '1'
   FROM generate_series(1, ${copies})`;

/** How each thing is broken in the job given; one breakage may be seen by more checks than its own. */
const IN_RESULTS: Record<keyof typeof RESULTS_CHECKS, (job: string) => string> = {
  "job not ended": (job) => `UPDATE jobs SET status = 'running' WHERE job_id = '${job}'`,
  "job and tasks disagree": (job) => `UPDATE tasks SET status = 'cancelled' WHERE job_id = '${job}'`,
  "cancelled job went on": (job) =>
    `INSERT INTO job_events (job_id, seq_no, event) VALUES ('${job}', 90, 'cancelled')`,
  "events not dense": (job) => `DELETE FROM job_events WHERE job_id = '${job}' AND seq_no = 2`,
  "last event tells another end": (job) =>
    `UPDATE job_events SET event = 'failed' WHERE job_id = '${job}' AND event = 'completed'`,
  "completed twice": (job) =>
    `${NEW_EXECUTION} 'completed', fence + 1, NULL, now() FROM tasks WHERE job_id = '${job}'`,
  "completed task without its execution": (job) =>
    `UPDATE tasks SET current_exec_id = new_id() WHERE job_id = '${job}'`,
  "result not there once": (job) => `DELETE FROM task_results WHERE job_id = '${job}'`,
  "result of an attempt that did not complete": (job) =>
    `UPDATE task_executions SET status = 'failed' WHERE job_id = '${job}'`,
  "answer from nothing": (job) => `UPDATE task_executions SET cached_from = new_id() WHERE job_id = '${job}'`,
  "calculations not there once": (job) => `DELETE FROM calculations WHERE job_id = '${job}'`,
  "calculation that its result does not name": (job) =>
    `UPDATE calculations SET calculation_id = new_id() WHERE job_id = '${job}'`,
  "pose recorded twice": (job) => poses(job, "run", 2),
  "poses of a task that did not complete": (job) => poses(job, "other", 1),
  "output of a task that did not complete": (job) =>
    `UPDATE job_outputs SET key = 'other/' || key WHERE job_id = '${job}'`,
  "attempt runs in a task that does not": (job) =>
    `UPDATE task_executions SET status = 'running', ended_at = NULL WHERE job_id = '${job}'`,
  "same question runs twice": (job) => `DROP INDEX task_executions_in_flight;
    UPDATE task_executions SET status = 'running', ended_at = NULL, signature = repeat('a', 64) WHERE job_id = '${job}';
    ${NEW_EXECUTION} 'running', fence + 1, repeat('a', 64), NULL FROM tasks WHERE job_id <> '${job}'
      AND NOT EXISTS (SELECT FROM task_executions e WHERE e.job_id = tasks.job_id AND e.status = 'running') LIMIT 1`,
  "fence went down": (job) => `UPDATE tasks SET fence = 0 WHERE job_id = '${job}'`,
  "attempts miscounted": (job) => `UPDATE tasks SET attempt = 7 WHERE job_id = '${job}'`,
  "fact not relayed": () => "UPDATE outbox SET relayed_at = NULL",
  "batch counters wrong": (
    job,
  ) => `${BATCH} 1, owner_id, 'cancelled', now() FROM jobs WHERE job_id = '${job}';
    INSERT INTO batch_items (batch_id, item_no) VALUES ('${job}', 1)`,
  "batch lacks items": (job) => `${BATCH} 3, owner_id, 'cancelled', now() FROM jobs WHERE job_id = '${job}'`,
  "item and job disagree": (
    job,
  ) => `${BATCH} 1, owner_id, 'cancelled', now() FROM jobs WHERE job_id = '${job}';
    UPDATE jobs SET batch_id = job_id WHERE job_id = '${job}';
    INSERT INTO batch_items (batch_id, item_no, job_id, status) VALUES ('${job}', 1, '${job}', 'processing')`,
  "two jobs for an item": (
    job,
  ) => `${BATCH} 0, owner_id, 'cancelled', now() FROM jobs WHERE job_id = '${job}';
    UPDATE jobs SET batch_id = job_id WHERE job_id = '${job}'`,
  "batch not ended": (job) => `${BATCH} 0, owner_id, 'in_progress', NULL FROM jobs WHERE job_id = '${job}'`,
  "cache entry of nothing": (job) => `UPDATE task_executions SET status = 'lost' WHERE job_id = '${job}';
    INSERT INTO result_cache (cache_key, signature, pipeline_version, task_name, canonical_job_id, canonical_exec_id, confidence_score)
    SELECT repeat('b', 64), repeat('b', 64), '1', 'run', job_id, exec_id, 1 FROM task_executions WHERE job_id = '${job}'`,
};

const QUEUE_ROW = (job: string, owner: string, expires: string) =>
  `INSERT INTO task_queue (org_id, job_id, task_name, generation, engine, priority, rank, available_at, fence, lease_owner, lease_expires_at)
   VALUES ('${org.org_id}', '${job}', 'run', 1, 'fake', 5, 0, now(), 9, '${owner}', ${expires})`;

const IN_METADATA: Record<string, (job: string) => string> = {
  "lease without a worker": (job) => QUEUE_ROW(job, job, "now() + interval '1 hour'"),
  "lease that ran out is still held": (job) => QUEUE_ROW(job, job, "now() - interval '1 hour'"),
  "queue differs": (job) => QUEUE_ROW(job, job, "now() + interval '1 hour'"),
  "projection differs": (job) => `UPDATE jobs_meta SET status = 'running' WHERE job_id = '${job}'`,
  "audit chain broken": () => "UPDATE audit_logs SET hash = repeat('0', 64) WHERE seq = 1",
};

/** What is said of these names no job. */
const NAMELESS = [
  "same question runs twice",
  "fact not relayed",
  "cache entry of nothing",
  "audit chain broken",
];

const FORCE = "SET session_replication_role = replica;";

async function names(promised: Parameters<typeof checkInvariants>[1] = {}): Promise<Set<string>> {
  const lines = await checkInvariants(context, promised);
  return new Set(lines.map((line) => line.slice(0, line.indexOf(":"))));
}

test("every check passes after ordinary work, and names what is broken when it is", async (t) => {
  const worker = startWorker(t, context, { slots: 4 });
  const breakages = [...Object.keys(RESULTS_CHECKS), ...Object.keys(IN_METADATA)];
  const jobs: string[] = [];
  for (const _ of breakages) jobs.push(await submitScript(context, scientist, { relay: false }));
  const stopped = await submitScript(context, scientist, { graph: { a: [], b: ["a"] }, relay: false });
  await context.results.transact(scientist, (scope) => cancelJob(scope, stopped));
  await context.results.relay(org.org_id);
  for (const job of jobs) await ended(context, org.org_id, job);
  await worker.stop();
  await until(
    "the last facts",
    async () => {
      await context.results.relay(org.org_id);
      return (await checkInvariants(context)).length === 0;
    },
    5000,
  ).catch(() => {});
  assert.deepEqual(await checkInvariants(context, { jobs: [...jobs, stopped], cancelled: [stopped] }), []);

  assert.deepEqual(Object.keys(IN_RESULTS), Object.keys(RESULTS_CHECKS), "each check is broken here");
  for (const name of Object.keys(METADATA_CHECKS)) assert.ok(name in IN_METADATA, `${name} is broken here`);
  const missing = ["0", "1"].map((digit) => `${digit.repeat(8)}-0000-7000-8000-000000000000`);
  const found = await names({
    jobs: [missing[0] ?? ""],
    cancelled: [jobs[0] ?? ""],
    audited: [{ action: "jobs.submit", job_id: missing[1] ?? "" }],
  });
  assert.deepEqual([...found].toSorted(), [
    "acknowledged job lost",
    "cancelled job went on",
    "request not in the audit log once",
  ]);

  // Each in a job of its own, then asked once: what counts is that the check names the job that was broken for it.
  const breaking = (how: Record<string, (job: string) => string>) =>
    FORCE +
    Object.entries(how)
      .map(([name, text]) => text(jobs[breakages.indexOf(name)] ?? ""))
      .join(";");
  await context.superuser(breaking(IN_RESULTS), [], org.database_name);
  await context.superuser(breaking(IN_METADATA));
  const lines = await checkInvariants(context);
  for (const [index, name] of breakages.entries()) {
    const named = lines.filter((line) => line.startsWith(`${name}: `));
    const mine = named.filter((line) => NAMELESS.includes(name) || line.includes(jobs[index] ?? ""));
    assert.ok(mine.length > 0, `${name} is not seen in ${jobs[index]}; seen: ${lines.join("\n")}`);
  }

  const root = join(context.home, "objects", org.org_id);
  const [folder] = await readdir(root);
  await rm(join(root, folder ?? ""), { recursive: true });
  assert.ok((await names()).has("bytes missing"));
});
