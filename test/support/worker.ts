import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { OrgPrincipal } from "../../src/access/principal.ts";
import type { ResultsTx } from "../../src/db/results.ts";
import type { EngineAtHand, Recorded } from "../../src/engines/adapter.ts";
import { AppError } from "../../src/errors.ts";
import { openLocalExecutor } from "../../src/executors/local.ts";
import { newId, sha256 } from "../../src/ids.ts";
import type { Org } from "../../src/orgs/schema.ts";
import { type Claim, claimTasks } from "../../src/queue/claims-store.ts";
import { sweepLeases } from "../../src/queue/sweep.ts";
import { type Desk, Desks } from "../../src/worker/desk.ts";
import { startTasks } from "../../src/worker/executions.ts";
import type { NotStarted, Started } from "../../src/worker/facts.ts";
import { runWorker } from "../../src/worker/loop.ts";
import { type Computed, type Finished, recordTasks } from "../../src/worker/record.ts";
import {
  type Cleaner,
  makeOrg,
  openTestContext,
  person,
  type TestContext,
  type TestOptions,
} from "./context.ts";
import { FAKE, fakeEngine } from "./engine.ts";

export type Lab = {
  context: TestContext;
  org: Org;
  scientist: OrgPrincipal;
  /** Empties the queue, so that the next test claims nothing of this one. */
  clear(): Promise<void>;
};

/** A context with one organization and one scientist in it. */
export async function openLab(t: Cleaner, options: TestOptions = {}): Promise<Lab> {
  const context = await openTestContext(t, options);
  const org = await makeOrg(context);
  const scientist = await person(context, org, "scientist");
  const clear = async () => {
    await context.superuser(
      "UPDATE outbox SET relayed_at = now() WHERE relayed_at IS NULL",
      [],
      org.database_name,
    );
    await context.superuser("SET lock_timeout = '5s'; DELETE FROM task_queue");
  };
  return { context, org, scientist, clear };
}

export type RunningWorker = {
  /** Finishes what runs and resolves when nothing does. */
  stop(): Promise<void>;
  /** Ends running engines at once. */
  kill(): Promise<void>;
};

/** A real worker loop in this process, over the local executor; stopped when the test ends. */
export function startWorker(
  t: Cleaner,
  context: TestContext,
  options: {
    engine?: EngineAtHand;
    engines?: Map<string, EngineAtHand>;
    slots?: number;
    lease_seconds?: number;
  } = {},
): RunningWorker {
  const [stopper, killer] = [new AbortController(), new AbortController()];
  const executor = openLocalExecutor({ scratch: join(context.home, "scratch"), owner: "test" });
  const engines = options.engines ?? new Map([[FAKE, options.engine ?? fakeEngine()]]);
  const { slots = 2, lease_seconds = 3 } = options;
  const done = runWorker(
    { services: context, executor },
    { slots, lease_seconds, version: "test", engines, probes: [] },
    { stop: stopper.signal, kill: killer.signal },
  );
  const stop = async () => {
    stopper.abort();
    await done;
    await executor[Symbol.asyncDispose]();
  };
  const kill = async () => {
    killer.abort();
    await stop();
  };
  t.after(kill);
  return { stop, kill };
}

/** One claim as a worker makes it, without a worker. */
export async function claimOne(
  context: TestContext,
  worker_id: string = newId(),
  lease_seconds = 30,
): Promise<Claim | undefined> {
  const [claim] = await claimTasks(context.metadata, { worker_id, engines: [FAKE], lease_seconds }, 1);
  return claim;
}

/** Starts a claimed task as its worker would. */
export async function start(context: TestContext, claim: Claim): Promise<Started | NotStarted> {
  const [answer] = await context.results.forLease(leaseOf(claim), (scope) =>
    startTasks(scope, [claim], newId()),
  );
  if (answer === undefined) throw new Error("no answer to a claim");
  return answer;
}

/** A claim that was started; fails where there was nothing to claim or to start. */
export async function claimAndStart(context: TestContext): Promise<{ claim: Claim; started: Started }> {
  const claim = await claimOne(context);
  if (claim === undefined) throw new Error("nothing to claim");
  const started = await start(context, claim);
  if (started.kind !== "started") throw new Error(`not started: ${started.kind}`);
  return { claim, started };
}

export function leaseOf(claim: Claim): { org_id: string; generation: number; worker_id: string } {
  return { org_id: claim.org_id, generation: claim.generation, worker_id: newId() };
}

/** Where a claim's task meets others of its organization. */
export function deskOf(context: TestContext, claim: Claim): Desk {
  return new Desks(context, claim.worker_id, new AbortController().signal).of(claim);
}

type Write = (tx: ResultsTx) => Promise<Partial<Recorded>>;

/**
 * Records a started task with an empty result, as its worker would; `write` may write rows and say what of the
 * result is other. Rejects with lost_lease where the task is somebody else's.
 */
export async function record(
  context: TestContext,
  run: { claim: Claim; started: Started },
  write: Write = async () => ({}),
): Promise<void> {
  const [end] = await context.results.forLease(leaseOf(run.claim), (scope) =>
    recordTasks(scope, [finished(run, write)], { policy: null }),
  );
  if (end !== "recorded") throw new AppError("lost_lease", "another worker has this task now");
}

/** A started task as it is handed over for recording. */
export function finished(
  { claim, started }: { claim: Claim; started: Started },
  write: Write = async () => ({}),
  more: Partial<Computed> = {},
): Finished {
  const { task } = started;
  const install = fakeEngine().install;
  const prepared = { params: {}, input: null, molecule_id: null, structure_id: newId() };
  return {
    kind: "computed",
    ...{ claim, started, document: {}, logs_uri: null },
    signature: sha256(task.exec_id),
    service_name: "fake 1",
    engine: {
      record: (tx, items) => Promise.all(items.map(async () => ({ ...nothing, ...(await write(tx)) }))),
    },
    input: { task, install, prepared, result: null, stored: new Map(), logs_uri: null },
    ...more,
  };
}

const nothing: Recorded = {
  schema_version: "1",
  checks: [],
  confidence_score: 1,
  result_data: {},
  outputs: {},
  result_hash: sha256(""),
  wall_seconds: 0,
  cpu_seconds: null,
};

/** Asks again and again until `check` gives a value; fails after `limit_ms` with what was waited for. */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  limit_ms = 60_000,
): Promise<T> {
  const end = performance.now() + limit_ms;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
    await sleep(20);
  }
}

/** A promise's value; fails after `limit_ms`, so that what waits for ever fails instead of hanging. */
export async function within<T>(promise: Promise<T>, limit_ms = 5000): Promise<T> {
  const late = new AbortController();
  const limit = sleep(limit_ms, undefined, { signal: late.signal }).then(() => {
    throw new Error(`not done within ${limit_ms} ms`);
  });
  limit.catch(() => {});
  return Promise.race([promise, limit]).finally(() => late.abort());
}

export type JobState = {
  status: string;
  seq: number;
  error: { code: string; message: string } | null;
  tasks: { task_name: string; status: string; attempt: number; fence: number }[];
  executions: { attempt: number; status: string; error_kind: string | null }[];
  events: { seq_no: number; event: string }[];
  calculations: number;
};

/** All that an organization's database says of a job. */
export async function jobState(context: TestContext, org_id: string, job_id: string): Promise<JobState> {
  return context.results.forMachinery(org_id, async ({ tx }) => {
    const of = "job_id";
    const job = await tx
      .selectFrom("jobs")
      .select(["status", "seq", "error"])
      .where(of, "=", job_id)
      .executeTakeFirstOrThrow();
    const tasks = await tx
      .selectFrom("tasks")
      .select(["task_name", "status", "attempt", "fence"])
      .where(of, "=", job_id)
      .orderBy("task_name")
      .execute();
    const executions = await tx
      .selectFrom("task_executions")
      .select(["attempt", "status", "error_kind"])
      .where(of, "=", job_id)
      .orderBy("exec_id")
      .execute();
    const events = await tx
      .selectFrom("job_events")
      .select(["seq_no", "event"])
      .where(of, "=", job_id)
      .orderBy("seq_no")
      .execute();
    const rows = await tx
      .selectFrom("calculations")
      .select("calculation_id")
      .where(of, "=", job_id)
      .execute();
    return {
      ...job,
      error: job.error as JobState["error"],
      tasks,
      executions,
      events,
      calculations: rows.length,
    };
  });
}

/** Waits until a job has ended and returns its state. */
export async function ended(
  context: TestContext,
  org_id: string,
  job_id: string,
  limit_ms = 60_000,
): Promise<JobState> {
  return until(
    `the end of job ${job_id}`,
    async () => {
      const state = await jobState(context, org_id, job_id);
      return ["completed", "failed", "cancelled"].includes(state.status) && state;
    },
    limit_ms,
  );
}

export type QueueRow = { job_id: string; lease_owner: string | null; fence: number; available_at: string };

export function queueOf(context: TestContext, org_id: string): Promise<QueueRow[]> {
  return context.superuser<QueueRow>(
    "SELECT job_id, lease_owner, fence, available_at FROM task_queue WHERE org_id = $1 ORDER BY job_id, task_name",
    [org_id],
  );
}

/** The projection of a job, or undefined where nobody told of it. */
export async function projected(
  context: TestContext,
  job_id: string,
): Promise<{ status: string; last_seq: number; generation: number } | undefined> {
  const rows = await context.superuser<{ status: string; last_seq: number; generation: number }>(
    "SELECT status, last_seq, generation, pipeline_version_id FROM jobs_meta WHERE job_id = $1",
    [job_id],
  );
  return rows[0];
}

/** Lets every lease of a job run out, as if its worker had been silent. */
export async function expireLeases(context: TestContext, job_id: string): Promise<void> {
  await context.superuser(
    "UPDATE task_queue SET lease_expires_at = now() - interval '1 second' WHERE job_id = $1 AND lease_owner IS NOT NULL",
    [job_id],
  );
}

/** Makes tasks that wait out a back-off available now. */
export async function skipBackoff(context: TestContext, job_id: string): Promise<void> {
  await context.superuser("UPDATE task_queue SET available_at = now() WHERE job_id = $1", [job_id]);
  await context.superuser(
    "UPDATE queue_lanes SET available_at = now(), is_active = true WHERE org_id IN (SELECT org_id FROM task_queue WHERE job_id = $1)",
    [job_id],
  );
}

/** The sweep without its back-off: what it gave back may be claimed at once. Returns how many leases it took. */
export async function sweepWithoutPause(context: TestContext): Promise<number> {
  const swept = await sweepLeases(context.metadata);
  await context.superuser("UPDATE task_queue SET available_at = now() WHERE lease_owner IS NULL");
  return swept;
}
