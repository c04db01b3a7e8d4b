import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import { sql } from "kysely";
import { FAKE, submitScript } from "../../test/support/engine.ts";
import { rounds } from "../../test/support/rounds.ts";
import { finished, jobState, leaseOf, openLab, record, start, until } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { cancelJob, retryJob } from "../jobs/change.ts";
import type { Claim } from "../queue/claims-store.ts";
import type { Started } from "./facts.ts";
import { failTask } from "./fail.ts";
import { giveBackTask } from "./give-back.ts";
import { recordTasks } from "./record.ts";

/**
 * The life of a job against a model of it: whatever workers and people say, in whatever order and with whatever
 * fences, the tables say what the model says, events are dense, and no effect is there twice.
 */
const { context, org, scientist } = await openLab({ after });

const GRAPH: Record<string, string[]> = { first: [], second: [], last: ["first", "second"] };
const ATTEMPTS = 2;

type ModelTask = { status: string; fence: number; attempt: number; most: number; exec: string | null };
type Run = { claim: Claim; started: Started };
type World = { job: string; status: string; tasks: Map<string, ModelTask>; runs: Run[] };

/** What is done, to which task or which of the runs that were ever started, with how much of a fence more. */
const Deed = fc.record({
  deed: fc.constantFrom(
    "start",
    "start",
    "start",
    "record",
    "record",
    "fail",
    "crash",
    "give back",
    "cancel",
    "retry",
  ),
  which: fc.nat(9),
  fence: fc.constantFrom(-1, 0, 1, 1, 1, 5),
});
type Deed = { deed: string; which: number; fence: number };

const OPEN = ["waiting", "ready", "running"];

/** The job as its tasks have it, after one of them ended. */
function settle(world: World): void {
  const states = [...world.tasks.values()].map(({ status }) => status);
  if (states.some((status) => status === "ready" || status === "running")) world.status = "running";
  else if (states.includes("failed")) world.status = "failed";
  else world.status = states.every((status) => status === "completed") ? "completed" : "running";
}

function modelStart(task: ModelTask, fence: number): "started" | "gone" | "newer" | "failed" {
  if (task.status !== "ready" && task.status !== "running") return "gone";
  if (task.fence >= fence) return "newer";
  task.fence = fence;
  if (task.attempt >= task.most) {
    task.status = "failed";
    return "failed";
  }
  task.status = "running";
  task.attempt++;
  return "started";
}

async function doStart(world: World, { which, fence }: Deed): Promise<void> {
  const task_name = Object.keys(GRAPH)[which % 3] ?? "";
  const task = world.tasks.get(task_name) as ModelTask;
  const claim: Claim = {
    ...{ org_id: org.org_id, generation: 1, job_id: world.job, task_name, engine: FAKE },
    ...{ fence: Math.max(0, task.fence + fence), worker_id: newId() },
  };
  const expected = modelStart(task, claim.fence);
  const answer = await start(context, claim);
  assert.equal(answer.kind, expected === "failed" ? "gone" : expected);
  if (expected === "failed") settle(world);
  if (answer.kind !== "started") return;
  world.status = "running";
  task.exec = answer.task.exec_id;
  world.runs.push({ claim, started: answer });
}

/** Whether a run is still the one that counts. */
function holds({ tasks }: World, { claim, started }: Run): boolean {
  const task = tasks.get(claim.task_name);
  return task?.status === "running" && task.fence === claim.fence && task.exec === started.task.exec_id;
}

async function doRun(world: World, { deed, which }: Deed): Promise<void> {
  const run = world.runs[which % Math.max(1, world.runs.length)];
  if (run === undefined) return;
  const { claim, started } = run;
  const task = world.tasks.get(claim.task_name) as ModelTask;
  const ours = holds(world, run);
  await context.results.forLease(leaseOf(claim), async (scope) => {
    if (deed === "record") {
      const ends = await recordTasks(scope, [finished(run)], { policy: null });
      assert.deepEqual(ends, [ours ? "recorded" : "lost"]);
    } else if (deed === "give back") await giveBackTask(scope, claim, started);
    else {
      const error = new AppError(deed === "crash" ? "crashed" : "engine_refused", deed);
      assert.equal(await failTask(scope, claim, started, { error, logs_uri: null }), ours);
    }
  });
  if (!ours) return;
  if (deed === "record") task.status = "completed";
  else if (deed === "give back") Object.assign(task, { status: "ready", most: task.most + 1 });
  else task.status = deed === "crash" && started.attempt < started.max_attempts ? "ready" : "failed";
  for (const [name, before] of Object.entries(GRAPH)) {
    const next = world.tasks.get(name) as ModelTask;
    const free = before.every((one) => world.tasks.get(one)?.status === "completed");
    if (next.status === "waiting" && free) next.status = "ready";
  }
  if (deed === "give back") world.status = "running";
  else settle(world);
}

async function doPerson(world: World, { deed }: Deed): Promise<void> {
  const done = await context.results
    .transact(scientist, (scope) =>
      deed === "cancel" ? cancelJob(scope, world.job) : retryJob(scope, world.job, { force: true }),
    )
    .then(
      () => true,
      (error: AppError) => {
        assert.equal(error.kind, "conflict");
        return false;
      },
    );
  if (deed === "cancel") {
    assert.equal(done, !["completed", "failed"].includes(world.status));
    if (!done) return;
    world.status = "cancelled";
    for (const task of world.tasks.values()) if (OPEN.includes(task.status)) task.status = "cancelled";
    return;
  }
  assert.equal(done, world.status === "failed");
  if (!done) return;
  world.status = "queued";
  for (const task of world.tasks.values())
    if (task.status === "failed")
      Object.assign(task, { status: "ready", most: task.attempt + Math.max(task.most - task.attempt, 3) });
}

async function compare(world: World): Promise<void> {
  const { status, seq, tasks, executions, events, error } = await jobState(context, org.org_id, world.job);
  const modelled = [...world.tasks].map(([task_name, { status, attempt, fence }]) => ({
    task_name,
    ...{ status, attempt, fence },
  }));
  assert.deepEqual(
    tasks,
    modelled.toSorted((a, b) => (a.task_name < b.task_name ? -1 : 1)),
  );
  assert.equal(status, world.status);
  assert.equal(error !== null, status === "failed");
  assert.deepEqual(
    events.map(({ seq_no }) => seq_no),
    Array.from({ length: seq }, (_, index) => index + 1),
  );
  const count = (wanted: string) => executions.filter((one) => one.status === wanted).length;
  assert.equal(count("running"), modelled.filter((task) => task.status === "running").length);
  const results = await context.results.forMachinery(org.org_id, ({ tx }) =>
    tx.selectFrom("task_results").select("result_id").where("job_id", "=", world.job).execute(),
  );
  const completed = modelled.filter((task) => task.status === "completed").length;
  assert.deepEqual([count("completed"), results.length], [completed, completed]);
}

test("jobs live as the model of them does, whoever says what with which fence", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(Deed, { minLength: 12, maxLength: 30 }), async (deeds) => {
      const job = await submitScript(context, scientist, {
        graph: GRAPH,
        max_attempts: ATTEMPTS,
        relay: false,
      });
      const tasks = Object.entries(GRAPH).map(([name, before]): [string, ModelTask] => [
        name,
        {
          status: before.length === 0 ? "ready" : "waiting",
          fence: 0,
          attempt: 0,
          most: ATTEMPTS,
          exec: null,
        },
      ]);
      const world: World = { job, status: "queued", tasks: new Map(tasks), runs: [] };
      for (const deed of deeds) {
        if (deed.deed === "start") await doStart(world, deed);
        else if (deed.deed === "cancel" || deed.deed === "retry") await doPerson(world, deed);
        else await doRun(world, deed);
        await compare(world);
      }
    }),
    // A deed is five transactions: 20 runs took 15 s and found nothing more.
    { numRuns: rounds(4, 25), endOnFailure: true },
  );
});

/** Transactions that wait for a lock in the organization's database. */
async function waiting(): Promise<number> {
  const rows = await context.superuser(
    "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = $1",
    [org.database_name],
  );
  return rows.length;
}

for (const newerFirst of [false, true])
  test(`two starts of one task that cross, ${newerFirst ? "the newer" : "the older"} one first: the newer one has it, once`, async () => {
    const job = await submitScript(context, scientist, { relay: false });
    const claimOf = (fence: number): Claim => ({
      ...{ org_id: org.org_id, generation: 1, job_id: job, task_name: "run", engine: FAKE },
      ...{ fence, worker_id: newId() },
    });
    const [older, newer] = [claimOf(1), claimOf(2)];
    const order = newerFirst ? [newer, older] : [older, newer];
    const starts: ReturnType<typeof start>[] = [];
    await context.results.forMachinery(org.org_id, async ({ tx }) => {
      await sql`SELECT FROM jobs WHERE job_id = ${job} FOR UPDATE`.execute(tx);
      // Both statements are on their way before either has the job; they get it in the order in which they came.
      for (const [index, claim] of order.entries()) {
        starts.push(start(context, claim));
        await until("it to wait for the job", async () => (await waiting()) === index + 1);
      }
    });
    const answers = new Map<Claim, Awaited<ReturnType<typeof start>>>();
    for (const [index, claim] of order.entries())
      answers.set(claim, await (starts[index] as ReturnType<typeof start>));
    const [first, second] = [answers.get(older), answers.get(newer)];
    assert.ok(second?.kind === "started");
    assert.deepEqual(
      first?.kind === "started" ? first.attempt : first,
      newerFirst ? { kind: "newer", fence: 2 } : 1,
    );
    const { tasks, executions } = await jobState(context, org.org_id, job);
    assert.deepEqual(tasks, [{ task_name: "run", status: "running", attempt: newerFirst ? 1 : 2, fence: 2 }]);
    assert.deepEqual(
      executions.map(({ status }) => status),
      newerFirst ? ["running"] : ["lost", "running"],
    );
    if (first?.kind === "started")
      await assert.rejects(record(context, { claim: older, started: first }), { kind: "lost_lease" });
    await record(context, { claim: newer, started: second });
    assert.equal((await jobState(context, org.org_id, job)).status, "completed");
  });
