import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, beforeEach, test } from "node:test";
import { person } from "../../test/support/context.ts";
import { fakeEngine, submitScript } from "../../test/support/engine.ts";
import {
  claimAndStart,
  deskOf,
  ended,
  finished,
  jobState,
  leaseOf,
  openLab,
  startWorker,
  until,
} from "../../test/support/worker.ts";
import { sha256 } from "../ids.ts";
import { cancelJob } from "../jobs/change.ts";
import { cancelJobOperation, showJob } from "../jobs/operations.ts";
import { perform } from "../perform.ts";
import type { Claim } from "../queue/claims-store.ts";
import { policyOf } from "../result-cache/policy.ts";
import { reserve } from "../result-cache/reserve.ts";
import type { Ask } from "../result-cache/schema.ts";
import type { Started } from "./facts.ts";
import { waitTask } from "./give-back.ts";
import { type Finished, recordTasks } from "./record.ts";

const { context, org, scientist, clear } = await openLab({ after });
beforeEach(clear);

const end = (job: string) => ended(context, org.org_id, job);
const ask = <R extends object>(text: string, values: unknown[] = []) =>
  context.superuser<R>(text, values, org.database_name);

/** How a job's only task came to its result. */
async function wayOf(job: string) {
  const [row] = await ask<{ cached_from: string | null; exec_id: string; files: string[]; results: number }>(
    `SELECT e.exec_id, e.cached_from, (SELECT array_agg(uri) FROM job_outputs o WHERE o.job_id = e.job_id) AS files,
      (SELECT count(*) FROM task_results r WHERE r.job_id = e.job_id) AS results
     FROM task_executions e WHERE e.job_id = $1 AND e.status = 'completed'`,
    [job],
  );
  assert.ok(row !== undefined, "it has a completed execution");
  return row;
}

/** Tasks that were put off come back only when somebody wakes them. */
async function sendAway(): Promise<void> {
  await context.results.relay(org.org_id);
  await context.superuser(
    "UPDATE task_queue SET available_at = now() + interval '1 hour' WHERE lease_owner IS NULL",
  );
}

const eventsOf = async (job: string) =>
  (await jobState(context, org.org_id, job)).events.map(({ event }) => event);

test("the second of two equal tasks is answered by the first: linked, and nothing is copied or run", async (t) => {
  startWorker(t, context);
  const file = join(context.home, "runs");
  const script = `echo x >> ${file}; echo -7.25`;
  const first = await submitScript(context, scientist, { script, reuse: true });
  await end(first);
  const second = await submitScript(context, scientist, { script, reuse: true });
  const { status, calculations } = await end(second);
  const [one, two] = [await wayOf(first), await wayOf(second)];
  assert.deepEqual([status, calculations, two.results], ["completed", 0, 0]);
  assert.equal(two.cached_from, one.exec_id);
  assert.deepEqual(two.files, one.files);
  assert.deepEqual(await eventsOf(second), ["submitted", "started", "cached", "completed"]);
  const [before, shown] = await Promise.all(
    [first, second].map((job_id) => perform(context, showJob, scientist, { job_id })),
  );
  assert.equal(before?.protocols.length, 1);
  assert.deepEqual(
    shown?.protocols,
    before?.protocols,
    "its result stands under the protocol of the one behind it",
  );
  const third = await submitScript(context, scientist, { script, reuse: false });
  assert.equal((await end(third)).calculations, 1, "computed anew where the cache is not wanted");
  assert.equal((await wayOf(third)).cached_from, null);
});

test("of equal tasks at the same time one runs, and the others wait for it and are answered", async (t) => {
  const mark = join(context.home, "go-on");
  const script = `while [ ! -e ${mark} ]; do sleep 0.02; done; echo -8.5`;
  const jobs: string[] = [];
  for (let n = 0; n < 3; n++) jobs.push(await submitScript(context, scientist, { script, reuse: true }));
  startWorker(t, context, { slots: 3 });
  await until("two of them to wait", async () => {
    const events = await Promise.all(jobs.map(eventsOf));
    return events.filter((all) => all.includes("waits")).length === 2;
  });
  await sendAway();
  await writeFile(mark, "");
  for (const job of jobs) assert.equal((await end(job)).status, "completed");
  const ways = await Promise.all(jobs.map(wayOf));
  const computed = ways.filter(({ cached_from }) => cached_from === null);
  assert.equal(computed.length, 1);
  assert.equal(ways.filter(({ cached_from }) => cached_from === computed[0]?.exec_id).length, 2);
  for (const job of jobs) {
    const { events } = await jobState(context, org.org_id, job);
    assert.deepEqual(
      events.map(({ seq_no }) => seq_no),
      events.map((_, index) => index + 1),
    );
  }
});

test("private tasks of two people run both, and neither answers the other", async (t) => {
  const colleague = await person(context, org, "scientist");
  const job = { script: "echo -9.5", reuse: true, visibility: "private" as const };
  const mine = await submitScript(context, scientist, job);
  const theirs = await submitScript(context, colleague, job);
  startWorker(t, context, { slots: 2 });
  for (const one of [mine, theirs]) {
    assert.equal((await end(one)).calculations, 1);
    assert.equal((await wayOf(one)).cached_from, null);
  }
  const again = await submitScript(context, scientist, job);
  await end(again);
  assert.equal((await wayOf(again)).cached_from, (await wayOf(mine)).exec_id, "one's own answers");
});

test("a task that waits behind one that fails runs itself", async (t) => {
  const mark = join(context.home, "failed-once");
  const file = join(context.home, "let-fail");
  const script = `if [ -e ${mark} ]; then echo -1; exit 0; fi; : > ${mark}; while [ ! -e ${file} ]; do sleep 0.02; done; exit 66`;
  const jobs: string[] = [];
  for (let n = 0; n < 2; n++) jobs.push(await submitScript(context, scientist, { script, reuse: true }));
  startWorker(t, context, { slots: 2 });
  await until("one of them to wait", async () =>
    (await Promise.all(jobs.map(eventsOf))).some((all) => all.includes("waits")),
  );
  await sendAway();
  await writeFile(file, "");
  const states = await Promise.all(jobs.map(end));
  assert.deepEqual(states.map(({ status }) => status).toSorted(), ["completed", "failed"]);
});

test("a task that waits behind one that is cancelled runs itself, also before it would look again", async (t) => {
  const mark = join(context.home, "cancelled-once");
  const script = `if [ -e ${mark} ]; then echo -2; exit 0; fi; : > ${mark}; sleep 600`;
  const first = await submitScript(context, scientist, { script, reuse: true });
  startWorker(t, context, { slots: 2 });
  await until("the first to run", async () => existsSync(mark));
  const others = [
    await submitScript(context, scientist, { script, reuse: true }),
    await submitScript(context, scientist, { script, reuse: true }),
  ];
  await until("the others to wait", async () =>
    (await Promise.all(others.map(eventsOf))).every((all) => all.includes("waits")),
  );
  await sendAway();
  await perform(context, cancelJobOperation, scientist, { job_id: first });
  for (const job of others) assert.equal((await end(job)).status, "completed");
  const ways = await Promise.all(others.map(wayOf));
  assert.equal(
    ways.filter(({ cached_from }) => cached_from === null).length,
    1,
    "one ran, and answered the other",
  );
});

test("a graph's task gets what the one before handed on, also where that was answered from the cache", async (t) => {
  startWorker(t, context);
  const graph = { first: [], second: ["first"] };
  const params = {
    first: { script: "echo -3.75" },
    second: { script: "echo {seen} # again", seen: { $task: "first", output: "energy_eh" } },
  };
  const seen: unknown[] = [];
  for (let n = 0; n < 2; n++) {
    const job = await submitScript(context, scientist, {
      graph,
      params,
      reuse: true,
    });
    assert.equal((await end(job)).status, "completed");
    const rows = await ask<{ energy: unknown; cached: boolean }>(
      `SELECT r.result_data #> '{outputs,energy_eh,value}' AS energy, e.cached_from IS NOT NULL AS cached
       FROM task_executions e JOIN task_results r ON r.exec_id = coalesce(e.cached_from, e.exec_id)
       WHERE e.job_id = $1 ORDER BY e.task_name`,
      [job],
    );
    seen.push(rows);
  }
  const one = { energy: -3.75, cached: false };
  const again = { energy: -3.75, cached: true };
  assert.deepEqual(seen, [
    [one, one],
    [again, again],
  ]);
});

test("a reference that leads nowhere fails its task with the reason, and what comes after it waits", async (t) => {
  startWorker(t, context);
  const job = await submitScript(context, scientist, {
    graph: { first: [], second: ["first"], third: ["second"] },
    params: { first: {}, second: { seen: { $task: "first", output: "nothing" } }, third: {} },
  });
  const { status, error, tasks } = await end(job);
  assert.deepEqual([status, error?.code], ["failed", "bad_input"]);
  assert.match(error?.message ?? "", /nothing of first/);
  assert.deepEqual(
    tasks.map((task) => task.status),
    ["completed", "failed", "waiting"],
  );
});

test("a recipe's time limit takes the place of the engine's own", async (t) => {
  startWorker(t, context, { engine: fakeEngine({ time_limit_seconds: 0.1 }) });
  const script = "sleep 0.5; echo -1";
  const [short, long] = [
    await submitScript(context, scientist, { script, max_attempts: 1 }),
    await submitScript(context, scientist, { script, max_attempts: 1, time_limit_seconds: 60 }),
  ];
  assert.equal((await end(short)).error?.code, "timeout");
  assert.equal((await end(long)).status, "completed");
});

type Held = { job: string; claim: Claim; started: Started };

async function held(): Promise<Held> {
  const job = await submitScript(context, scientist, { reuse: true });
  return { job, ...(await claimAndStart(context)) };
}

function question({ started }: Held, signature: string): Ask {
  const { exec_id, owner_id, visibility } = started.task;
  return { exec_id, owner_id, visibility, signature };
}

/** Asks at its worker's desk whether it has to run. */
const asks = (one: Held, signature: string) => deskOf(context, one.claim).ask(question(one, signature));

const hand = (one: Finished) =>
  context.results.forLease(leaseOf(one.claim), (scope) =>
    recordTasks(scope, [one], { policy: { ttl_days: null } }),
  );

const cancels = (job: string) => context.results.transact(scientist, (scope) => cancelJob(scope, job));

/** Everything that a job leaves behind, and how often its answers were used. */
async function traces(job: string): Promise<unknown[]> {
  return ask(
    `SELECT (SELECT status FROM jobs WHERE job_id = $1), (SELECT array_agg(status) FROM tasks WHERE job_id = $1) AS tasks,
      (SELECT array_agg(status || ' ' || (signature IS NOT NULL)) FROM task_executions WHERE job_id = $1) AS executions,
      (SELECT count(*) FROM job_outputs WHERE job_id = $1) AS outputs, (SELECT sum(hit_count) FROM result_cache) AS hits,
      (SELECT count(*) FROM job_events WHERE job_id = $1) AS events`,
    [job],
  );
}

test("a job cancelled while its task asks the cache reserves nothing, whoever of the two comes first", async () => {
  const policy = await policyOf(context, org.org_id);
  for (const first of ["cancel", "ask"] as const) {
    const one = await held();
    const signature = sha256(`asked, ${first} first`);
    let later: Promise<unknown> = Promise.resolve();
    const goesSecond = (what: () => Promise<unknown>) => {
      later = what();
      later.catch(() => {});
      return until("the second to wait for the first", async () => {
        const waiting = await context.superuser(
          "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = $1",
          [org.database_name],
        );
        return waiting.length > 0;
      });
    };
    if (first === "cancel")
      await context.results.transact(scientist, async (scope) => {
        await cancelJob(scope, one.job);
        await goesSecond(() => asks(one, signature));
      });
    else
      await context.results.forLease(leaseOf(one.claim), async ({ tx }) => {
        await reserve(tx, [question(one, signature)], policy);
        await goesSecond(() => cancels(one.job));
      });
    await later;
    const before = await traces(one.job);
    assert.deepEqual(await hand(finished(one, undefined, { signature })), ["lost"]);
    assert.deepEqual(await traces(one.job), before);
    const next = await held();
    assert.equal(
      (await asks(next, signature)).kind,
      "run",
      `${first} first: another one need not wait for it`,
    );
    assert.deepEqual(await hand(finished(next, undefined, { signature })), ["recorded"]);
  }
});

test("a job cancelled between its question and the answer takes no answer and is not put off", async () => {
  const signature = sha256("answered");
  assert.deepEqual(await hand(finished(await held(), undefined, { signature })), ["recorded"]);
  const [hit, wait] = [await held(), await held()];
  const answer = await asks(hit, signature);
  assert.ok(answer.kind === "hit");
  const ahead = await held();
  await asks(ahead, sha256("ahead"));
  const behind = await asks(wait, sha256("ahead"));
  assert.ok(behind.kind === "wait");
  for (const { job } of [hit, wait]) await cancels(job);
  const before = await Promise.all([hit, wait].map(({ job }) => traces(job)));
  const { claim, started } = hit;
  assert.deepEqual(await hand({ kind: "answered", claim, started, signature, entry: answer.entry }), [
    "lost",
  ]);
  await context.results.forLease(leaseOf(wait.claim), (scope) =>
    waitTask(scope, wait.claim, wait.started, { exec_id: behind.exec_id, signature: sha256("ahead") }),
  );
  assert.deepEqual(await Promise.all([hit, wait].map(({ job }) => traces(job))), before);
  for (const { job } of [hit, wait])
    assert.equal((await jobState(context, org.org_id, job)).status, "cancelled");
});
