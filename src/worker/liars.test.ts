import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { CompiledQuery, sql } from "kysely";
import { makeOrg } from "../../test/support/context.ts";
import { submitScript } from "../../test/support/engine.ts";
import {
  claimAndStart,
  claimOne,
  deskOf,
  expireLeases,
  finished,
  jobState,
  leaseOf,
  openLab,
  start,
  sweepWithoutPause,
  within,
} from "../../test/support/worker.ts";
import type { Recorded } from "../engines/adapter.ts";
import { AppError } from "../errors.ts";
import { newId, sha256 } from "../ids.ts";
import { cancelJob } from "../jobs/change.ts";
import type { Claim } from "../queue/claims-store.ts";
import type { Answer } from "../result-cache/schema.ts";
import { insertStructures } from "../structures/store.ts";
import type { Started } from "./facts.ts";
import { failTask } from "./fail.ts";
import { giveBackTask, waitTask } from "./give-back.ts";
import { type Finished, recordTasks } from "./record.ts";

/** Workers that say what is not so: each is told why, and changes nothing. */
const { context, org, scientist, clear } = await openLab({ after });
const other = await makeOrg(context);
beforeEach(clear);

type Held = { claim: Claim; started: Started };

const state = (job: string) => jobState(context, org.org_id, job);

function say(lies: Finished[], lease = lies[0]?.claim): Promise<string[]> {
  assert.ok(lease !== undefined);
  return context.results.forLease(leaseOf(lease), (scope) => recordTasks(scope, lies, { policy: null }));
}

/** Everything of a job and all facts: nothing of it may move. */
async function everything(job: string): Promise<unknown> {
  const rows = await context.superuser(
    `SELECT (SELECT jsonb_agg(t ORDER BY task_name) FROM tasks t WHERE job_id = $1) AS tasks,
      (SELECT jsonb_agg(e ORDER BY exec_id) FROM task_executions e WHERE job_id = $1) AS executions,
      (SELECT to_jsonb(j) FROM jobs j WHERE job_id = $1) AS job,
      (SELECT count(*) FROM job_events) AS events, (SELECT count(*) FROM task_results) AS results,
      (SELECT count(*) FROM job_outputs) AS outputs, (SELECT count(*) FROM calculations) AS calculations,
      (SELECT count(*) FROM event_logs) AS logged, (SELECT count(*) FROM outbox) AS facts`,
    [job],
    org.database_name,
  );
  return rows[0];
}

/** Asks at its worker's desk whether it has to run. */
function ask({ claim, started }: Held, signature: string): Promise<Answer> {
  const { exec_id, owner_id, visibility } = started.task;
  return deskOf(context, claim).ask({ exec_id, owner_id, visibility, signature });
}

async function held(): Promise<Held & { job: string }> {
  const job = await submitScript(context, scientist);
  return { job, ...(await claimAndStart(context)) };
}

const lies: [string, (run: Held) => Held][] = [
  ["an older fence", ({ claim, started }) => ({ claim: { ...claim, fence: claim.fence - 1 }, started })],
  [
    "a fence from the future",
    ({ claim, started }) => ({ claim: { ...claim, fence: claim.fence + 1 }, started }),
  ],
  [
    "a task that its job has not",
    ({ claim, started }) => ({ claim: { ...claim, task_name: "another" }, started }),
  ],
  ["a job that is not there", ({ claim, started }) => ({ claim: { ...claim, job_id: newId() }, started })],
  [
    "an execution of somebody else",
    ({ claim, started }) => ({ claim, started: { ...started, task: { ...started.task, exec_id: newId() } } }),
  ],
];

for (const [what, lie] of lies) {
  test(`${what}: recorded, failed, given back or put off, it is lost and changes nothing`, async () => {
    const run = await held();
    const before = await everything(run.job);
    const { claim, started } = lie(run);
    assert.deepEqual(await say([finished({ claim, started })]), ["lost"]);
    await context.results.forLease(leaseOf(claim), async (scope) => {
      const error = new AppError("crashed", "it crashed");
      assert.equal(await failTask(scope, claim, started, { error, logs_uri: null }), false);
      await giveBackTask(scope, claim, started);
      await waitTask(scope, claim, started, { exec_id: newId(), signature: sha256("") });
    });
    assert.deepEqual(await everything(run.job), before);
    assert.deepEqual(await say([finished(run)]), ["recorded"], "the truth is still taken");
  });
}

test("another organization's lease opens another database, where there is no such task", async () => {
  const run = await held();
  const before = await everything(run.job);
  const foreign = { ...run.claim, org_id: other.org_id, generation: 1 };
  assert.deepEqual(await say([finished(run)], foreign), ["lost"]);
  assert.deepEqual(await start(context, { ...foreign, fence: foreign.fence + 1 }), { kind: "absent" });
  const newer = { ...run.claim, generation: run.claim.generation + 1 };
  await assert.rejects(say([finished(run)], newer), { kind: "lost_lease" });
  assert.deepEqual(await everything(run.job), before);
});

test("one lie in a group is lost alone, wherever it stands in it", async () => {
  const runs = [await held(), await held(), await held()] as const;
  const [one, two, three] = runs;
  const stale = { ...two, claim: { ...two.claim, fence: two.claim.fence - 1 } };
  assert.deepEqual(await say([one, stale, three, one].map((run) => finished(run))), [
    "recorded",
    "lost",
    "recorded",
    "lost",
  ]);
  assert.equal((await state(two.claim.job_id)).status, "running");
});

test("of two attempts at one task in a group the one that holds it is recorded, whichever stands first", async () => {
  for (const turned of [false, true]) {
    const old = await held();
    await expireLeases(context, old.job);
    await sweepWithoutPause(context);
    const fresh = await claimAndStart(context);
    const both = [old, fresh].map((run) => finished(run));
    assert.deepEqual(
      await say(turned ? both.toReversed() : both, fresh.claim),
      turned ? ["recorded", "lost"] : ["lost", "recorded"],
    );
    const { status, executions } = await state(old.job);
    assert.equal(status, "completed");
    assert.deepEqual(
      executions.map((one) => [one.status, one.error_kind]),
      [
        ["lost", "lost_lease"],
        ["completed", null],
      ],
    );
  }
});

test("a person writes no task's result and revives no attempt", async () => {
  const run = await held();
  assert.deepEqual(await say([finished(run)]), ["recorded"]);
  const tries: [string, unknown[]][] = [
    ["UPDATE task_executions SET status = 'running', ended_at = NULL WHERE job_id = $1", [run.job]],
    ["UPDATE task_executions SET status = 'lost' WHERE job_id = $1", [run.job]],
    [
      "INSERT INTO tasks (job_id, task_name, engine, status, current_exec_id) VALUES ($1, 'b', 'fake', 'ready', $2)",
      [run.job, run.started.task.exec_id],
    ],
    [
      "INSERT INTO tasks (job_id, task_name, engine, status, signature) VALUES ($1, 'b', 'fake', 'ready', repeat('0', 64))",
      [run.job],
    ],
  ];
  for (const [text, values] of tries)
    await assert.rejects(
      context.results.transact(scientist, ({ tx }) => tx.executeQuery(CompiledQuery.raw(text, values))),
      text,
    );
});

test("who has to wait for a task that is just being closed does not wait for its lock", async () => {
  const ahead = await held();
  const signature = sha256("crossed");
  await ask(ahead, signature);
  const behind = await held();
  await context.results.forLease(leaseOf(behind.claim), (scope) =>
    waitTask(scope, behind.claim, behind.started, { exec_id: ahead.started.task.exec_id, signature }),
  );
  await context.results.relay(org.org_id);
  await context.superuser("UPDATE task_queue SET available_at = now() WHERE job_id = $1", [behind.job]);
  const claim = await claimOne(context);
  assert.ok(claim !== undefined && claim.job_id === behind.job);
  await context.results.forMachinery(org.org_id, async ({ tx }) => {
    await sql`SELECT FROM task_executions WHERE job_id = ${ahead.job} FOR UPDATE`.execute(tx);
    assert.equal((await within(start(context, claim))).kind, "started");
  });
});

test("a task that nobody has any more is not waited for, once it has run for a while", async () => {
  const ahead = await held();
  const signature = sha256("abandoned");
  assert.equal((await ask(ahead, signature)).kind, "run");
  await expireLeases(context, ahead.job);
  await sweepWithoutPause(context);
  await context.superuser("UPDATE task_queue SET available_at = now() + interval '1 hour'");
  const behind = await held();
  assert.equal((await ask(behind, signature)).kind, "wait", "it is fresh, and nobody looks");
  await context.superuser(
    "UPDATE task_executions SET started_at = now() - interval '1 minute' WHERE job_id = $1",
    [ahead.job],
    org.database_name,
  );
  assert.equal((await ask(behind, signature)).kind, "run");
  assert.deepEqual(
    (await state(ahead.job)).executions.map((one) => one.status),
    ["lost"],
  );
  assert.deepEqual(await say([finished(ahead)]), ["lost"], "were it to come back");
  await context.superuser("UPDATE task_queue SET available_at = now() WHERE job_id = $1", [ahead.job]);
  const again = await claimAndStart(context);
  assert.deepEqual(await say([finished(again)]), ["recorded"]);
});

test("an execution that its task does not run by reserves nothing", async () => {
  const ended = await held();
  const signature = sha256("stranded");
  await ask(ended, signature);
  assert.deepEqual(await say([finished(ended)]), ["recorded"]);
  await context.superuser(
    `SET session_replication_role = replica; UPDATE task_executions SET status = 'running', ended_at = NULL,
      signature = '${signature}' WHERE job_id = '${ended.job}'; RESET session_replication_role`,
    [],
    org.database_name,
  );
  assert.equal((await ask(await held(), signature)).kind, "run");
});

test("recorded twice it counts once", async () => {
  const run = await held();
  assert.deepEqual(await say([finished(run)]), ["recorded"]);
  const before = await everything(run.job);
  assert.deepEqual(await say([finished(run)]), ["lost"]);
  assert.deepEqual(await everything(run.job), before);
});

test("after it was cancelled it stays cancelled", async () => {
  const run = await held();
  await context.results.transact(scientist, (scope) => cancelJob(scope, run.job));
  const before = await everything(run.job);
  assert.deepEqual(await say([finished(run)]), ["lost"]);
  assert.deepEqual(await everything(run.job), before);
});

test("after its lease ran out and another started, the first is nobody", async () => {
  const run = await held();
  await expireLeases(context, run.job);
  await sweepWithoutPause(context);
  const next = await claimAndStart(context);
  const before = await everything(run.job);
  assert.deepEqual(await say([finished(run)]), ["lost"]);
  // Not with the new fence and its own execution either.
  assert.deepEqual(await say([finished({ claim: next.claim, started: run.started })]), ["lost"]);
  assert.deepEqual(await everything(run.job), before);
});

test("a task that was claimed and never started, or waits for another, can't be completed", async () => {
  const job = await submitScript(context, scientist, { graph: { a: [], b: ["a"] } });
  const claim = await claimOne(context);
  assert.ok(claim !== undefined);
  const before = await everything(job);
  const { started } = await held();
  assert.deepEqual(await say([finished({ claim, started })]), ["lost"]);
  assert.deepEqual(await say([finished({ claim: { ...claim, task_name: "b" }, started })]), ["lost"]);
  const moved = (await everything(job)) as Record<string, unknown>;
  for (const part of ["tasks", "executions", "job"])
    assert.deepEqual(moved[part], (before as Record<string, unknown>)[part]);
  const waiting = { ...claim, task_name: "b", fence: 7 };
  assert.deepEqual(await start(context, waiting), { kind: "gone" });
});

const shapes: [string, object][] = [
  ["a field is missing", { checks: undefined }],
  ["a share of checks above one", { confidence_score: 1.5 }],
  ["no number", { confidence_score: Number.NaN }],
  ["an endless time", { wall_seconds: Number.POSITIVE_INFINITY }],
  ["a time below nothing", { cpu_seconds: -1 }],
  ["checks of another kind", { checks: [{ name: "", passed: "yes" }] }],
  ["a result that is a list", { result_data: [] }],
  ["a hash that is none", { result_hash: "abc" }],
  ["an output of another kind", { outputs: { pose: { path: "/etc/passwd" } } }],
  ["10 MB of JSON", { result_data: { text: "x".repeat(10 * 1024 ** 2) } }],
  ["a structure that is not there", { outputs: { pose: { structure_id: newId(), molecule_id: null } } }],
];

test("a result of another shape is none, says so, and changes nothing", async () => {
  const run = await held();
  const before = await everything(run.job);
  for (const [what, more] of shapes) {
    const lie = finished(run, async () => more as Partial<Recorded>);
    await assert.rejects(
      say([lie]),
      (error: AppError) =>
        error.kind === "internal" && error.message.startsWith("an engine's result is none: "),
      what,
    );
  }
  assert.deepEqual(await everything(run.job), before);
  assert.deepEqual(await say([finished(run)]), ["recorded"]);
});

test("a structure of another job is not handed on as its own", async () => {
  const [mine, theirs] = [await held(), await held()];
  const of = (job: string) => ({
    ...{ molecule_id: null, kind: "pose" as const, name: null, format: "sdf" as const, charge: null },
    ...{ multiplicity: null, geometry_hash: null, preparation: {}, size_bytes: 1 },
    ...{ uri: `object:${"0".repeat(64)}`, checksum: `sha256:${"0".repeat(64)}`, source: `job:${job}` },
    ...{ owner_id: scientist.user_id, visibility: "organization" as const },
  });
  const [own, foreign] = await context.results.forLease(leaseOf(mine.claim), ({ tx }) =>
    insertStructures(tx, [of(mine.job), of(theirs.job)]),
  );
  const handsOn = (structure_id = "") =>
    finished(mine, async () => ({
      outputs: { pose: { structure_id, molecule_id: null } },
    }));
  await assert.rejects(say([handsOn(foreign)]), { kind: "internal" });
  assert.equal((await state(mine.job)).status, "running");
  assert.deepEqual(await say([handsOn(own)]), ["recorded"]);
});
