import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { sql } from "kysely";
import { EXIT, FAKE, fakeEngine, submitScript } from "../../test/support/engine.ts";
import {
  ended,
  expireLeases,
  jobState,
  openLab,
  projected,
  queueOf,
  skipBackoff,
  startWorker,
  until,
} from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import type { Executor } from "../executors/executor.ts";
import { openLocalExecutor } from "../executors/local.ts";
import { openOutput } from "../files/open.ts";
import { jobOutputs } from "../files/operations.ts";
import { cancelJob } from "../jobs/change.ts";
import { showLog } from "../jobs/logs.ts";
import { retryJobOperation } from "../jobs/operations.ts";
import { perform } from "../perform.ts";
import { countWorkers } from "../queue/workers-store.ts";
import { reconcileOnce } from "../relay/reconcile.ts";
import { runWorker } from "./loop.ts";

const { context, org, scientist, clear } = await openLab({ after });
beforeEach(clear);

const state = (job: string) => jobState(context, org.org_id, job);
const end = (job: string) => ended(context, org.org_id, job);

async function isAlive(pid: string): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  return stat !== "" && !/\) [ZX] /.test(stat);
}

/** A script that says its pid in a file and then runs on for longer than any test. */
function lingering(name: string): { script: string; pid(): Promise<string> } {
  const file = join(context.home, name);
  const pid = () =>
    until(
      "the script to start",
      async () => (await readFile(file, "utf8").catch(() => "")).trim() || undefined,
    );
  return { script: `echo $$ > ${file}; sleep 60; echo 1`, pid };
}

test("a worker runs jobs to their end, tells the metadata database, and keeps bytes for every row that names some", async (t) => {
  startWorker(t, context);
  const jobs = [];
  for (let n = 0; n < 5; n++) jobs.push(await submitScript(context, scientist, { script: `echo ${n}.25` }));
  for (const [index, job] of jobs.entries()) {
    const { status, calculations, executions } = await end(job);
    assert.deepEqual([status, calculations, executions.length], ["completed", 1, 1], `job ${index}`);
    await until("the projection", async () => (await projected(context, job))?.status === "completed");
  }
  await until("an empty queue", async () => (await queueOf(context, org.org_id)).length === 0);
  const uris = await context.superuser<{ uri: string }>(
    "SELECT uri FROM job_outputs UNION SELECT logs_uri FROM task_executions WHERE logs_uri IS NOT NULL",
    [],
    org.database_name,
  );
  assert.ok(uris.length >= 6);
  for (const { uri } of uris) assert.equal(await context.objects.has(org.org_id, uri), true, uri);
});

test("two workers with one queue compute nothing twice", async (t) => {
  const jobs = [];
  for (let n = 0; n < 10; n++) jobs.push(await submitScript(context, scientist));
  startWorker(t, context, { slots: 2 });
  startWorker(t, context, { slots: 2 });
  for (const job of jobs) {
    const { status, calculations, executions } = await end(job);
    assert.deepEqual([status, calculations, executions.length], ["completed", 1, 1]);
  }
});

test("a program that crashes is tried again as often as its recipe says, and leaves no calculation", async (t) => {
  startWorker(t, context);
  const job = await submitScript(context, scientist, { script: "kill -SEGV $$", max_attempts: 2 });
  await until("the first attempt to fail", async () =>
    (await state(job)).events.some((row) => row.event === "retried"),
  );
  await skipBackoff(context, job);
  const { status, error, executions, calculations } = await end(job);
  assert.equal(status, "failed");
  assert.equal(error?.code, "crashed");
  assert.deepEqual(
    executions.map((row) => [row.attempt, row.status]),
    [
      [1, "failed"],
      [2, "failed"],
    ],
  );
  assert.equal(calculations, 0);
});

test("a program that refuses keeps all that it printed, and what it left beside any result of its task", async (t) => {
  const engine = fakeEngine();
  const leaves = [["last.xyz", "best.xyz"], ["last.xyz"]];
  engine.adapter.left = async (_params, { stdout }) =>
    (leaves.shift() ?? []).map((key) => ({
      ...{ key, content_type: "chemical/x-xyz" },
      bytes: Buffer.from(stdout.slice(0, 10)),
    }));
  startWorker(t, context, { engine });
  const script = `seq 1 5000; echo why >&2; exit ${EXIT.engine_refused}`;
  const job = await submitScript(context, scientist, { script, max_attempts: 1 });
  const { status, executions } = await end(job);
  assert.deepEqual([status, executions.length], ["failed", 1]);
  const { log, cut } = await showLog(context, scientist, job, {});
  const printed = Array.from({ length: 5000 }, (_, n) => `${n + 1}\n`).join("");
  assert.deepEqual([log, cut], [`${printed}\n--- stderr ---\nwhy\n`, false]);
  const outputs = async (job_id = job) => (await perform(context, jobOutputs, scientist, { job_id })).items;
  assert.deepEqual(
    (await outputs()).map(({ key }) => key),
    ["run.failed/best.xyz", "run.failed/last.xyz"],
  );
  await perform(context, retryJobOperation, scientist, { job_id: job, force: true });
  assert.equal((await end(job)).executions.length, 2);
  assert.deepEqual(
    (await outputs()).map(({ key, size_bytes }) => [key, size_bytes]),
    [["run.failed/last.xyz", 10]],
  );
  leaves.push(["at-the-end.xyz"]);
  const last = await submitScript(context, scientist, {
    script: "echo its last attempt; exit 9",
    max_attempts: 1,
  });
  assert.equal((await end(last)).status, "failed");
  assert.deepEqual(
    (await outputs(last)).map(({ key }) => key),
    ["run.failed/at-the-end.xyz"],
  );
  const crashed = await submitScript(context, scientist, { script: "echo more; exit 9", max_attempts: 1 });
  assert.equal((await end(crashed)).status, "failed");
  const none = openOutput(context, scientist, crashed, "fake/out.txt");
  await assert.rejects(none, { kind: "not_found", message: /it is failed and left none/ });
});

test("a program that crashed once and then works completes its job", async (t) => {
  startWorker(t, context);
  const mark = join(context.home, "crashed-once");
  const job = await submitScript(context, scientist, {
    script: `[ -e ${mark} ] && echo 2 || { : > ${mark}; exit 9; }`,
  });
  await until("the retry", async () => (await state(job)).events.some((row) => row.event === "retried"));
  await skipBackoff(context, job);
  const { status, error, executions, calculations } = await end(job);
  assert.deepEqual([status, error, calculations], ["completed", null, 1]);
  assert.deepEqual(
    executions.map((row) => row.status),
    ["failed", "completed"],
  );
});

test("what an engine can't read of its inputs fails that task alone, as its kind says, also where it breaks a common start", async (t) => {
  const engine = fakeEngine();
  engine.adapter.load = async ({ tx }, { params }) => {
    if (params["script"] === "breaks") await sql`SELECT 1 / 0`.execute(tx);
    if (params["script"] === "is gone") throw new AppError("bad_input", "it is gone");
    return null;
  };
  const submit = (script: string) => submitScript(context, scientist, { script, max_attempts: 1 });
  const jobs = [
    await submit("echo 1"),
    await submit("breaks"),
    await submit("is gone"),
    await submit("echo 2"),
  ];
  startWorker(t, context, { engine, slots: 4 });
  const ends = [];
  for (const job of jobs) ends.push(await end(job));
  assert.deepEqual(
    ends.map(({ status, error, executions }) => [status, error?.code ?? null, executions.length]),
    [
      ["completed", null, 1],
      ["failed", "internal", 1],
      ["failed", "bad_input", 1],
      ["completed", null, 1],
    ],
  );
});

test("bad input that the engine finds is final and says why", async (t) => {
  startWorker(t, context);
  const job = await submitScript(context, scientist, { script: `exit ${EXIT.engine_refused}` });
  const { status, error, executions } = await end(job);
  assert.deepEqual([status, error?.code, executions.length], ["failed", "engine_refused", 1]);
});

test("a program that hangs is ended at its time limit", async (t) => {
  startWorker(t, context, { engine: fakeEngine({ time_limit_seconds: 0.3 }) });
  const slow = lingering("hangs");
  const job = await submitScript(context, scientist, { script: slow.script, max_attempts: 1 });
  const pid = await slow.pid();
  const { status, error } = await end(job);
  assert.deepEqual([status, error?.code], ["failed", "timeout"]);
  assert.equal(await isAlive(pid), false);
});

test("cancelling a running job ends its program within a heartbeat, and it stays cancelled", async (t) => {
  startWorker(t, context);
  const slow = lingering("cancelled");
  const job = await submitScript(context, scientist, { script: slow.script });
  const pid = await slow.pid();
  await context.results.transact(scientist, (scope) => cancelJob(scope, job));
  await context.results.relay(org.org_id);
  await until("the program to end", async () => !(await isAlive(pid)));
  const { status, executions, calculations } = await state(job);
  assert.deepEqual(
    [status, executions.map((row) => row.status), calculations],
    ["cancelled", ["cancelled"], 0],
  );
});

test("a worker whose lease was lost stops its program and writes nothing; the next worker's result stands", async (t) => {
  const first = startWorker(t, context, { slots: 1 });
  const slow = lingering("lost");
  const mark = join(context.home, "second-time");
  const script = `if [ -e ${mark} ]; then echo 3; exit 0; fi; : > ${mark}; ${slow.script}`;
  const job = await submitScript(context, scientist, { script });
  const pid = await slow.pid();
  await expireLeases(context, job);
  await reconcileOnce(context, [org.org_id]);
  startWorker(t, context, { slots: 1 });
  const { status, executions, calculations } = await end(job);
  await until("the first program to end", async () => !(await isAlive(pid)));
  await first.stop();
  assert.deepEqual([status, calculations], ["completed", 1]);
  assert.deepEqual(
    executions.map((row) => row.status),
    ["lost", "completed"],
  );
  assert.deepEqual(await state(job).then((now) => now.calculations), 1);
});

test("a worker that is told to stop finishes what it runs and claims no more", async (t) => {
  const mark = join(context.home, "go-on");
  const worker = startWorker(t, context, { slots: 1 });
  const job = await submitScript(context, scientist, {
    script: `while [ ! -e ${mark} ]; do sleep 0.02; done; echo 4`,
  });
  const next = await submitScript(context, scientist);
  await until("the start", async () => (await state(job)).status === "running");
  await until("the start to be told", async () => (await projected(context, job))?.status === "running");
  const stopped = worker.stop();
  assert.equal((await state(job)).status, "running");
  await writeFile(mark, "");
  await stopped;
  assert.equal((await state(job)).status, "completed");
  assert.equal((await state(next)).status, "queued");
});

test("a worker that is told to die ends its programs, gives tasks back and leaves no folder", async (t) => {
  const worker = startWorker(t, context, { slots: 1 });
  const slow = lingering("told-to-die");
  const job = await submitScript(context, scientist, { script: slow.script });
  const pid = await slow.pid();
  await worker.kill();
  assert.equal(await isAlive(pid), false);
  assert.equal((await queueOf(context, org.org_id))[0]?.lease_owner, null);
  assert.deepEqual(await readdir(join(context.home, "scratch")), []);
  assert.equal((await state(job)).calculations, 0);
});

test("a task whose worker ends while it prepares is given back, and no attempt is counted", async (t) => {
  const real = openLocalExecutor({ scratch: join(context.home, "scratch"), owner: "ends" });
  const stop = new AbortController();
  const executor: Executor = {
    async run(plan, options) {
      stop.abort();
      await real[Symbol.asyncDispose]();
      return real.run(plan, options);
    },
  };
  const job = await submitScript(context, scientist, { script: "echo 7", max_attempts: 1 });
  const engines = new Map([[FAKE, fakeEngine()]]);
  await runWorker(
    { services: context, executor },
    { slots: 1, lease_seconds: 3, version: "test", engines, probes: [] },
    { stop: stop.signal, kill: new AbortController().signal },
  );
  const given = await state(job);
  assert.deepEqual(
    [given.tasks[0]?.status, given.executions[0]?.status, given.events.at(-1)?.event],
    ["ready", "cancelled", "given_back"],
  );
  startWorker(t, context);
  const { status, error } = await end(job);
  assert.deepEqual([status, error], ["completed", null]);
});

test("workers are counted while they live, by engine", async (t) => {
  const worker = startWorker(t, context);
  await until(
    "the worker to say that it is here",
    async () => (await countWorkers(context.metadata, "fake")) === 1,
  );
  assert.equal(await countWorkers(context.metadata, "another"), 0);
  await worker.stop();
  assert.equal(await countWorkers(context.metadata, "fake"), 0);
});

test("a heartbeat keeps a run that takes longer than its lease", async (t) => {
  startWorker(t, context, { lease_seconds: 1 });
  const job = await submitScript(context, scientist, { script: "sleep 1.7; echo 5" });
  // The sweep of another process runs all the time.
  const status = await until("the end", async () => {
    await reconcileOnce(context, []);
    const now = await state(job);
    return now.status === "completed" ? now : undefined;
  });
  assert.deepEqual(
    status.executions.map((row) => row.status),
    ["completed"],
  );
});

test("with its organization's database away a claim is given back and no attempt is counted", async (t) => {
  const job = await submitScript(context, scientist);
  const rename = (from: string, to: string) =>
    context.superuser(`ALTER DATABASE ${from} RENAME TO ${to}`, []);
  const cut = () =>
    context.superuser("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [
      org.database_name,
    ]);
  await until("the rename", async () => {
    await cut();
    return rename(org.database_name, "away").then(
      () => true,
      () => false,
    );
  });
  try {
    startWorker(t, context);
    await until("the lane to rest", async () => {
      const lanes = await context.superuser<{ rests: boolean }>(
        "SELECT available_at > now() AS rests FROM queue_lanes WHERE org_id = $1",
        [org.org_id],
      );
      return lanes.some(({ rests }) => rests);
    });
    const [row] = await queueOf(context, org.org_id);
    assert.deepEqual([row?.lease_owner, (row?.fence ?? 0) > 0], [null, true], "the claim came back");
  } finally {
    await rename("away", org.database_name);
  }
  // This test reads at once, and need not wait until a database that was away is tried again.
  context.results.forget(org.org_id);
  await skipBackoff(context, job);
  const { status, tasks } = await end(job);
  assert.deepEqual([status, tasks[0]?.attempt], ["completed", 1]);
});
