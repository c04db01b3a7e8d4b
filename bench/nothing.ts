import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import type { OrgPrincipal } from "../src/access/principal.ts";
import type { Context } from "../src/context.ts";
import type { ResultsTx } from "../src/db/results.ts";
import type { EngineAdapter, EngineAtHand } from "../src/engines/adapter.ts";
import type { Executor, RunOutcome } from "../src/executors/executor.ts";
import { newId, sha256 } from "../src/ids.ts";
import type { JobRequest } from "../src/jobs/submit.ts";
import { openWakeups } from "../src/queue/wakeups.ts";
import { runWorker } from "../src/worker/loop.ts";
import { submitRequested } from "../test/support/submit-jobs.ts";

export const NOTHING = "noop";

/** What a bench needs of a lab to submit and to work. */
export type Place = { context: Context; principal: OrgPrincipal };

/** A pipeline of one task that does nothing, as if it had been published. */
export function nothingPipeline() {
  const task = {
    task: NOTHING,
    task_version: "1",
    engine: NOTHING,
    after: [] as string[],
    max_attempts: 3,
    params: {},
  };
  return {
    pipeline_id: newId(),
    pipeline_version_id: newId(),
    name: NOTHING,
    version: "1",
    spec: { version: "1", tasks: { run: task } },
  };
}

/** Submits jobs of that pipeline in one transaction, each another question, and tells the queue. Returns their ids. */
export async function submitNothing(
  { context, principal }: Place,
  count: number,
  pipeline = nothingPipeline(),
): Promise<string[]> {
  const owner_id = principal.user_id;
  const submission = { pipeline, owner_id, visibility: "organization" as const, priority: 5, reuse: true };
  const jobs = await context.results.transact(principal, async (scope) => {
    const structure_id = await insertStructure(scope.tx, owner_id);
    const requests = Array.from({ length: count }, (): JobRequest => {
      const identity = newId();
      return { inputs: [{ key: "structure", molecule_id: null, structure_id, identity }], params: {} };
    });
    return submitRequested(scope, submission, requests);
  });
  await context.results.relay(principal.org_id);
  return jobs.map(({ job_id }) => job_id);
}

/** A structure that no engine reads. Returns its id. */
export async function insertStructure(tx: ResultsTx, owner_id: string): Promise<string> {
  const { rows } = await sql<{ structure_id: string }>`INSERT INTO structures
      (kind, format, uri, size_bytes, checksum, source, owner_id)
    VALUES ('conformer', 'xyz', ${`object:${"0".repeat(64)}`}, 1, ${`sha256:${"0".repeat(64)}`}, 'bench', ${owner_id})
    RETURNING structure_id`.execute(tx);
  return rows[0]?.structure_id ?? "";
}

export type IdleWorker = { stop(): void; done: Promise<void> };

export type IdleOptions = {
  slots: number;
  wait_ms: number;
  /** Whose tasks it takes; those of the pipeline above unless said. */
  engine?: string;
  /** Hears of each task as its program would begin. */
  started?: (jobId: string) => void;
};

/** A worker of this process as `aliquot worker` has it, but for its engine, which only waits. */
export function startIdleWorker(context: Context, options: IdleOptions): IdleWorker {
  const { slots, wait_ms, engine = NOTHING, started } = options;
  const [stop, never] = [new AbortController(), new AbortController().signal];
  const executor: Executor = {
    run: async ({ program }) => {
      started?.(program);
      if (wait_ms > 0) await sleep(wait_ms);
      return { ...OUTCOME, dispose: async () => {} };
    },
  };
  const wakeups = openWakeups(context, [engine]);
  const engines = new Map([[engine, AT_HAND]]);
  const settings = { slots, lease_seconds: 30, version: "bench", engines, probes: [] };
  const signals = { stop: stop.signal, kill: never };
  const done = runWorker({ services: context, executor, wakeups }, settings, signals).finally(() =>
    wakeups[Symbol.asyncDispose](),
  );
  return { stop: () => stop.abort(), done };
}

/** Runs a worker from its start until `count` tasks are recorded; it takes no more once the last is begun. */
export async function workOff(context: Context, count: number, slots: number): Promise<void> {
  let left = count;
  const worker = startIdleWorker(context, {
    slots,
    wait_ms: 0,
    started: () => {
      if (--left === 0) worker.stop();
    },
  });
  await worker.done;
}

const OUTCOME: RunOutcome = {
  folder: "",
  exit_code: 0,
  signal: null,
  timed_out: false,
  aborted: false,
  stdout: "",
  stderr: "",
  wall_seconds: 0,
  cpu_seconds: 0,
};

const install = { name: "xtb" as const, version: "0", path: "", fingerprint: "", env: {} };

/** What is asked: the job's own id, so that no two of its tasks are identical, or what its parameters say. */
type Question = { job_id: string; question: string };

const adapter: EngineAdapter<null, Question, null, null> = {
  name: "xtb", // the registry's names are closed, the queue's are not
  probe: async () => ({ name: "xtb", found: true, install }),
  load: async () => null,
  prepare: async (_services, _lend, { job_id, params }) => {
    const question = String(params["question"] ?? job_id);
    return { params: null, input: { job_id, question }, molecule_id: null, structure_id: "" };
  },
  check() {},
  signature: (_install, _params, { question }) => ({ task: NOTHING, input: question }),
  plan: (_install, _params, { job_id }) => {
    const limits = { time_limit_seconds: 60, memory_limit_bytes: 1 };
    return { program: job_id, args: [], env: {}, files: {}, ...limits };
  },
  parse: async () => null,
  outputs: () => [],
  log: () => "",
  record: async (_tx, items) =>
    items.map(({ prepared }) => ({
      schema_version: "1",
      checks: [{ name: "program_finished", weight: 1, passed: true }],
      confidence_score: 1,
      result_data: {},
      outputs: {},
      result_hash: sha256(prepared.input.question),
      wall_seconds: 0,
      cpu_seconds: 0,
    })),
};
const AT_HAND: EngineAtHand = { adapter: adapter as unknown as EngineAtHand["adapter"], install };
