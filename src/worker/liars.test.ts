import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import { makeOrg } from "../../test/support/context.ts";
import { submitScript } from "../../test/support/engine.ts";
import {
  claimAndStart,
  claimOne,
  expireLeases,
  finished,
  jobState,
  leaseOf,
  openLab,
  start,
  sweepWithoutPause,
} from "../../test/support/worker.ts";
import type { Recorded } from "../engines/adapter.ts";
import { AppError } from "../errors.ts";
import { newId, sha256 } from "../ids.ts";
import { cancelJob } from "../jobs/change.ts";
import type { Claim } from "../queue/claims-store.ts";
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
