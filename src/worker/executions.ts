import type { ResultsScope, ResultsTx } from "../db/results.ts";
import type { TaskContext } from "../engines/adapter.ts";
import { toAppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { privateTo } from "../jobs/schema.ts";
import { type LockedJob, lockJobs } from "../jobs/store.ts";
import { wakeWaiting } from "../jobs/waking-store.ts";
import { resolveTask } from "../pipelines/resolve.ts";
import type { PipelineSpec, TaskOutputs } from "../pipelines/schema.ts";
import type { Claim } from "../queue/claims-store.ts";
import { goneFact, type NotStarted, readyAgain, type Started } from "./facts.ts";
import { failLostTasks, VANISHED } from "./fail.ts";
import { Ledger } from "./ledger.ts";
import {
  freedBy,
  type JobMaterial,
  type LockedTask,
  type LostExecution,
  lockTasks,
  loseExecutions,
  type Start,
  selectMaterial,
  selectSpecs,
  startRows,
  takeFences,
  taskKey,
} from "./tasks-store.ts";
import { type PutOff, putOff } from "./waiting-store.ts";

export type StartAnswer = Started | NotStarted;

/** What shortens the way of those that are started. */
export type StartAids = {
  /** What an engine reads of a task's inputs, so that it needs no transaction of its own. */
  load?: (scope: ResultsScope, claim: Claim, task: TaskContext) => Promise<unknown>;
  /** Recipes of this database by their hashes, which say all of them: those that are met are kept here. */
  specs?: Map<string, PipelineSpec>;
};

/** Recipes that are remembered of one database. */
const MOST_SPECS = 20;

type Beginning = { claim: Claim; job: LockedJob; task: LockedTask; exec_id: string };

/**
 * Starts claimed tasks of one organization: counts the attempts, marks those before as lost, writes executions,
 * events and facts, in about ten statements whatever their number. Each is guarded by its fence: an older claim
 * changes nothing. Returns one answer a claim, in order.
 */
export async function startTasks(
  scope: ResultsScope,
  claims: Claim[],
  workerId: string,
  aids: StartAids = {},
): Promise<StartAnswer[]> {
  const { tx } = scope;
  const ledger = new Ledger(await lockJobs(tx, [...new Set(claims.map((claim) => claim.job_id))]));
  const tasks = await lockTasks(tx, claims);
  // First, as nothing is waited for after that: who holds what others lose must not lose what they hold.
  const vanished = await loseVanished(tx, claims, tasks);
  const waiting = await stillWaiting(tx, ledger, claims, tasks);
  const lost: Beginning[] = [];
  const begun: Beginning[] = [];
  // Claimed before their batch was paused: they leave the queue, and resuming brings them back.
  const resting: Claim[] = [];
  const answers = claims.map((claim): NotStarted | { kind: "begun"; index: number } => {
    const [job, task] = [ledger.job(claim.job_id), tasks.get(taskKey(claim))];
    if (job === undefined) return { kind: "absent" };
    if (task === undefined || (task.status !== "ready" && task.status !== "running")) {
      // Told under the job's lock, so that a retry that comes next has its word after this one.
      ledger.fact(goneFact(claim));
      return { kind: "gone" };
    }
    if (task.fence >= claim.fence) return { kind: "newer", fence: task.fence };
    if (job.status === "pending") {
      resting.push(claim);
      ledger.fact(goneFact(claim));
      return { kind: "gone" };
    }
    const behind = waiting.get(taskKey(claim));
    if (behind !== undefined) return { kind: "waits", holder: behind.holder };
    const beginning = { claim, job, task, exec_id: newId() };
    if (task.attempt >= task.max_attempts) {
      lost.push(beginning);
      return { kind: "gone" };
    }
    return { kind: "begun", index: begun.push(beginning) - 1 };
  });
  await takeFences(tx, resting);
  await failLostTasks(
    tx,
    ledger,
    lost.map(({ claim }) => claim),
  );
  const over = new Set(lost.map(({ claim }) => taskKey(claim)));
  const free = freedBy(vanished.filter((one) => over.has(taskKey(one))));
  ledger.fact(...(await wakeWaiting(tx, free)).map(readyAgain));
  const started = await begin(scope, ledger, begun, { workerId, vanished, ...aids });
  await ledger.write(tx);
  return answers.map((answer) => (answer.kind === "begun" ? (started[answer.index] as Started) : answer));
}

/** Closes what earlier claims of these tasks left open. Returns those. */
async function loseVanished(
  tx: ResultsTx,
  claims: Claim[],
  tasks: Map<string, LockedTask>,
): Promise<LostExecution[]> {
  const { code, message } = VANISHED;
  const over = claims.flatMap(({ job_id, task_name, fence }) => {
    const task = tasks.get(taskKey({ job_id, task_name }));
    if (task?.status !== "running" || task.fence >= fence) return [];
    return [{ job_id, task_name, error: task.attempt >= task.max_attempts ? { code, message } : null }];
  });
  return loseExecutions(tx, over);
}

/** Ready tasks whose identical one runs on, by key: they go back to the queue without an attempt. */
async function stillWaiting(
  tx: ResultsTx,
  ledger: Ledger,
  claims: Claim[],
  tasks: Map<string, LockedTask>,
): Promise<Map<string, PutOff>> {
  const looks = claims.flatMap((claim) => {
    const [job, task] = [ledger.job(claim.job_id), tasks.get(taskKey(claim))];
    if (job === undefined || job.status === "pending") return [];
    if (task?.status !== "ready" || task.fence >= claim.fence) return [];
    const { job_id, task_name, fence } = claim;
    const { signature } = task;
    return signature === null ? [] : [{ job_id, task_name, fence, signature, private_to: privateTo(job) }];
  });
  const off = await putOff(tx, looks);
  ledger.fact(...off.map(({ told }) => readyAgain(told)));
  return new Map(off.map((one) => [taskKey(one.told), one]));
}

async function begin(
  scope: ResultsScope,
  ledger: Ledger,
  begun: Beginning[],
  { workerId, vanished, load, specs: known }: StartAids & { workerId: string; vanished: LostExecution[] },
): Promise<Started[]> {
  if (begun.length === 0) return [];
  const { tx } = scope;
  const again = new Set(vanished.map(taskKey));
  for (const { claim } of begun.filter((one) => again.has(taskKey(one.claim))))
    ledger.step(claim.job_id, {
      event: "lost",
      detail: "the worker vanished",
      metadata: { task: claim.task_name },
    });
  await startRows(tx, begun.map(startOf), workerId);
  const material = new Map(
    (await selectMaterial(tx, [...new Set(begun.map(({ job }) => job.job_id))])).map((one) => [
      one.job_id,
      one,
    ]),
  );
  const specs = await specsOf(
    tx,
    begun.map(({ job }) => job.spec_hash),
    known,
  );
  const now = new Date().toISOString();
  const started = begun.map((one) => {
    const { claim, job, task } = one;
    const attempt = task.attempt + 1;
    ledger.step(job.job_id, {
      event: "started",
      metadata: { task: claim.task_name, attempt, worker: workerId },
    });
    ledger.change(job.job_id, {
      status: "running",
      ...(job.status === "running" ? {} : { timings: { started_at: now } }),
    });
    ledger.log({
      event_type: "calculation_started",
      entity_type: "job",
      entity_id: job.job_id,
      context: { task: claim.task_name, engine: claim.engine, attempt, exec_id: one.exec_id },
      service: claim.engine,
      private_to: privateTo(job),
    });
    const spec = specs.get(job.spec_hash) as PipelineSpec;
    return startedOf(scope, one, spec, material.get(job.job_id) as JobMaterial);
  });
  if (load !== undefined)
    for (const [index, one] of started.entries())
      if (one.refused === null)
        await loadOne(() => load(scope, (begun[index] as Beginning).claim, one.task), one);
  return started;
}

/** One that can't be read is read again at its own run, which then fails for it. */
async function loadOne(load: () => Promise<unknown>, started: Started): Promise<void> {
  try {
    started.loaded = { value: await load() };
  } catch {
    return;
  }
}

async function specsOf(
  tx: ResultsTx,
  hashes: string[],
  known: Map<string, PipelineSpec> = new Map(),
): Promise<Map<string, PipelineSpec>> {
  const missing = hashes.filter((hash) => !known.has(hash));
  if (missing.length === 0) return known;
  const found = await selectSpecs(tx, missing);
  for (const [hash, spec] of found) if (known.size < MOST_SPECS) known.set(hash, spec);
  return new Map([...known, ...found]);
}

function startOf({ claim, job, exec_id }: Beginning): Start {
  const { job_id, task_name, fence } = claim;
  return { job_id, task_name, fence, exec_id, private_to: privateTo(job) };
}

function startedOf(
  scope: ResultsScope,
  { claim, job, task, exec_id }: Beginning,
  spec: PipelineSpec,
  material: JobMaterial,
): Started {
  const { owner_id, visibility, reuse } = job;
  const { params, inputs, time_limit_seconds, refused } = resolved(spec, claim.task_name, material);
  const { job_id, task_name } = claim;
  const { org_id } = scope;
  const site_ids = material.inputs.flatMap(({ site_id }) => site_id ?? []);
  const made = { params, inputs, site_ids };
  const context: TaskContext = { org_id, job_id, task_name, exec_id, owner_id, visibility, ...made };
  return {
    kind: "started",
    task: context,
    attempt: task.attempt + 1,
    max_attempts: task.max_attempts,
    spec,
    pipeline_version: material.pipeline_version,
    reuse,
    time_limit_seconds: time_limit_seconds ?? null,
    refused: refused ?? null,
  };
}

/** A reference that leads nowhere fails the task and not the transaction: others are started in it. */
function resolved(spec: PipelineSpec, taskName: string, { params, inputs, outputs }: JobMaterial) {
  try {
    const handed = new Map<string, TaskOutputs>(Object.entries(outputs));
    return { refused: null, ...resolveTask(spec, taskName, { params, inputs }, handed) };
  } catch (error) {
    return { refused: toAppError(error), params: {}, inputs: [], time_limit_seconds: undefined };
  }
}
