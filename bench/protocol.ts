import { sql } from "kysely";
import type { EngineAdapter, EngineAtHand } from "../src/engines/adapter.ts";
import type { Executor } from "../src/executors/executor.ts";
import { newId } from "../src/ids.ts";
import { type JobRequest, submitJobs } from "../src/jobs/submit.ts";
import { runWorker } from "../src/worker/loop.ts";
import { type Lab, openLab } from "./lab.ts";
import { type Benchmark, clocked, item, median } from "./measure.ts";

const SLOTS = 2;
const ENGINE = "noop";

export const benchmark: Benchmark = {
  name: "protocol",
  about: "tasks that do nothing, through claim, start, run and record: what the protocol itself costs",
  async run({ quick, say }) {
    const tasks = quick ? 100 : 300;
    await using lab = await openLab();
    const runs: { wall: number; cpu: number }[] = [];
    for (let round = 0; round < (quick ? 2 : 4); round++) {
      await submitNothing(lab, tasks);
      runs.push(await clocked(() => workOff(lab, tasks), lab.postmaster));
    }
    const warm = runs.slice(1);
    const each = (name: "wall" | "cpu") => (1000 * median(warm.map((run) => run[name]))) / tasks;
    say(`CPU a task, PostgreSQL included: ${each("cpu").toFixed(2)} ms`);
    return [
      item("no-op tasks, whole protocol, 2 slots", "tasks/s", 1000 / each("wall")),
      item("no-op task, CPU with PostgreSQL", "ms", each("cpu")),
    ];
  },
};

async function submitNothing({ context, principal }: Lab, count: number): Promise<void> {
  const task = { task: ENGINE, task_version: "1", engine: ENGINE, after: [], max_attempts: 1, params: {} };
  const pipeline = {
    pipeline_id: newId(),
    pipeline_version_id: newId(),
    name: ENGINE,
    version: "1",
    spec: { version: "1", tasks: { run: task } },
  };
  const { user_id: owner_id } = principal;
  await context.results.transact(principal, async (scope) => {
    const { rows } = await sql<{ structure_id: string }>`INSERT INTO structures
        (kind, format, uri, size_bytes, checksum, source, owner_id)
      VALUES ('conformer', 'xyz', ${`object:${"0".repeat(64)}`}, 1, ${`sha256:${"0".repeat(64)}`}, 'bench', ${owner_id})
      RETURNING structure_id`.execute(scope.tx);
    const structure_id = rows[0]?.structure_id ?? null;
    const requests = Array.from({ length: count }, (_, at): JobRequest => {
      return {
        inputs: [{ key: "structure", molecule_id: null, structure_id, identity: String(at) }],
        params: {},
      };
    });
    const submission = { pipeline, owner_id, visibility: "organization" as const, priority: 5, reuse: false };
    await submitJobs(scope, submission, requests);
  });
  await context.results.relay(principal.org_id);
}

/** From the worker's start to the last task recorded; the worker stops itself there. */
async function workOff({ context }: Lab, count: number): Promise<void> {
  const [stop, never] = [new AbortController(), new AbortController().signal];
  let left = count;
  const executor: Executor = {
    run: async () => {
      if (--left === 0) stop.abort(); // takes no more; those in hand are finished
      return { ...OUTCOME, dispose: async () => {} };
    },
  };
  await runWorker(
    { services: context, executor },
    { slots: SLOTS, lease_seconds: 30, version: "bench", engines: new Map([[ENGINE, NOOP]]), probes: [] },
    { stop: stop.signal, kill: never },
  );
}

const OUTCOME = {
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

const adapter: EngineAdapter<null, null, null, null> = {
  name: "xtb", // the registry's names are closed, the queue's are not
  probe: async () => ({ name: "xtb", found: true, install }),
  load: async () => null,
  prepare: async () => ({ params: null, input: null, molecule_id: null, structure_id: "" }),
  check() {},
  signature: () => ({ task: ENGINE }),
  plan: () => ({ program: "", args: [], env: {}, files: {}, time_limit_seconds: 1, memory_limit_bytes: 1 }),
  parse: async () => null,
  outputs: () => [],
  log: () => "",
  record: async () => ({
    schema_version: "1",
    checks: [],
    confidence_score: 1,
    result_data: {},
    wall_seconds: 0,
    cpu_seconds: 0,
  }),
};
const NOOP: EngineAtHand = { adapter: adapter as unknown as EngineAtHand["adapter"], install };
