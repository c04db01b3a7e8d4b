import type { EngineAtHand, OutputFile, Prepared } from "../engines/adapter.ts";
import { AppError, toAppError } from "../errors.ts";
import type { Executor, RunOutcome, RunPlan } from "../executors/executor.ts";
import type { Claim } from "../queue/claims-store.ts";
import { isPresent } from "../result-cache/present.ts";
import type { Answer, Signed } from "../result-cache/schema.ts";
import { signTask } from "../result-cache/sign.ts";
import type { Services } from "../services.ts";
import { isSpared } from "./away.ts";
import type { Desk } from "./desk.ts";
import type { Started } from "./facts.ts";
import { failTask } from "./fail.ts";
import { waitTask } from "./give-back.ts";
import { keepFiles, keepText, storeOutputs } from "./outputs.ts";

export type RunTools = { services: Services; executor: Executor };

export type Run = {
  claim: Claim;
  started: Started;
  engine: EngineAtHand;
  desk: Desk;
  /** Aborts when the lease is lost or the worker is told to die. */
  signal: AbortSignal;
  /** Called when its program has ended: its slot may serve another while this one is recorded. */
  computed: () => void;
};

/**
 * How a run ended: recorded, answered from the cache, put off behind an identical one, failed, somebody else's, or
 * stopped by an executor that was closed.
 */
export type RunEnd = "recorded" | "cached" | "waits" | "failed" | "lost" | "stopped";

/** How a start ended, also where that was not the run's own doing: given back to the queue. */
export type TaskEnd = Exclude<RunEnd, "stopped"> | "given_back";

/**
 * Runs a started task to its end: load, prepare, check, ask the cache, run, parse, store bytes, record; or fail with
 * a reason. Resolves "failed" for the attempt, "lost" where the task is somebody else's now, "stopped" where its worker
 * ends and the task is still its own.
 * Rejects with AppError where even that could not be written (database away): the lease decides then.
 */
export async function runTask(tools: RunTools, run: Run): Promise<RunEnd> {
  const { claim, started, desk, signal } = run;
  const remains: Remains = { printed: "", files: [] };
  try {
    return await answerOrCompute(tools, run, remains);
  } catch (thrown) {
    if (signal.aborted) return "lost";
    const error = toAppError(thrown);
    if (error.kind === "lost_lease") return "lost";
    if (error.kind === "internal")
      tools.services.log.error({ err: error.detail, task: claim.task_name }, "a task met a fault of ours");
    // What the program said is not cut; a fault of ours adds where it was.
    const said = [remains.printed, remains.printed === "" || error.kind === "internal" ? error.detail : ""];
    const text = said.filter((part) => part !== undefined && part !== "").join("\n");
    const [logs_uri, left] = await Promise.all([
      keepText(tools.services, claim.org_id, text),
      keepFiles(tools.services, claim.org_id, isTriedAgain(error, started) ? [] : remains.files),
    ]);
    const changed = await desk.lend((scope) => failTask(scope, claim, started, { error, logs_uri, left }));
    return changed ? "failed" : "lost";
  }
}

/** Another attempt leaves files of its own. */
function isTriedAgain(error: AppError, { attempt, max_attempts }: Started): boolean {
  return error.retryable && (attempt < max_attempts || isSpared(error));
}

/** What is left of a program that gave no result. */
type Remains = { printed: string; files: OutputFile[] };

async function answerOrCompute(tools: RunTools, run: Run, remains: Remains): Promise<RunEnd> {
  const { claim, started, engine, desk, signal } = run;
  const { adapter, install } = engine;
  const { task } = started;
  const watch = stopwatch();
  if (started.refused !== null) throw started.refused;
  const loaded = started.loaded === undefined ? await desk.load(adapter, task) : started.loaded.value;
  watch.lap("load");
  const prepared = await adapter.prepare(tools.services, desk.lend, task, loaded);
  adapter.check(prepared.params, prepared.input);
  watch.lap("prepare");
  const signed = signTask(adapter.signature(install, prepared.params, prepared.input), task, prepared);
  const answer: Answer = started.reuse ? await answerOf(tools.services, run, signed) : { kind: "run" };
  watch.lap("ask");
  signal.throwIfAborted();
  if (answer.kind === "hit") {
    const { signature } = signed;
    const end = await desk.record(
      { kind: "answered", claim, started, signature, entry: answer.entry },
      signal,
    );
    return end === "recorded" ? "cached" : end;
  }
  if (answer.kind === "wait") {
    const behind = { exec_id: answer.exec_id, signature: signed.signature };
    await desk.lend((scope) => waitTask(scope, claim, started, behind));
    return "waits";
  }
  const computed = await compute(tools.executor, run, prepared, remains);
  if (computed === "stopped") return "stopped";
  const { result } = computed;
  watch.lap("run");
  run.computed();
  const [stored, logs_uri] = await Promise.all([
    desk.patiently(
      () => signal.aborted,
      () => storeOutputs(tools.services, claim.org_id, adapter.outputs(result)),
    ),
    keepText(tools.services, claim.org_id, adapter.log(result)),
  ]);
  watch.lap("store");
  desk.meter.add(claim.org_id, { computed: 1 }, watch.laps);
  const service_name = `${install.name} ${install.version}`;
  const input = { task, install, prepared, result, stored, logs_uri };
  return desk.record(
    { kind: "computed", claim, started, ...signed, logs_uri, service_name, engine: adapter, input },
    signal,
  );
}

/** An answer whose bytes are gone is none: asked once more, as its entry is taken out. */
async function answerOf(services: Services, { claim, started, desk }: Run, signed: Signed): Promise<Answer> {
  const { exec_id, owner_id, visibility } = started.task;
  const ask = { exec_id, owner_id, visibility, signature: signed.signature };
  const answer = await desk.ask(ask);
  if (answer.kind !== "hit" || (await isPresent(services, claim.org_id, answer.entry))) return answer;
  const again = await desk.ask(ask);
  if (again.kind !== "hit" || (await isPresent(services, claim.org_id, again.entry))) return again;
  throw new AppError("store_unavailable", "a stored result lost its files while it was to answer: try again");
}

type ComputeEnd = { result: unknown } | "stopped";

async function compute(
  executor: Executor,
  { started, engine, signal }: Run,
  { params, input }: Prepared<unknown, unknown>,
  remains: Remains,
): Promise<ComputeEnd> {
  const { adapter, install } = engine;
  const plan: RunPlan = adapter.plan(install, params, input);
  const time_limit_seconds = started.time_limit_seconds ?? plan.time_limit_seconds;
  const outcome = await executor.run({ ...plan, time_limit_seconds }, { signal });
  return parseAndDispose(adapter, { params, input, remains }, outcome, signal);
}

async function parseAndDispose(
  adapter: EngineAtHand["adapter"],
  { params, input, remains }: { params: unknown; input: unknown; remains: Remains },
  outcome: RunOutcome & { dispose(): Promise<void> },
  signal: AbortSignal,
): Promise<ComputeEnd> {
  try {
    if (signal.aborted) throw new AppError("lost_lease", "the run was stopped");
    if (outcome.aborted) return "stopped";
    return { result: await adapter.parse(params, input, outcome) };
  } catch (error) {
    remains.printed = printedBy(outcome);
    remains.files = (await adapter.left?.(params, outcome).catch(() => [])) ?? [];
    throw error;
  } finally {
    await outcome.dispose();
  }
}

function printedBy({ stdout, stderr }: RunOutcome): string {
  return stderr === "" ? stdout : `${stdout}\n--- stderr ---\n${stderr}`;
}

/** Times between laps, in ms, by name. */
function stopwatch(): { lap(name: string): void; laps: Record<string, number> } {
  const laps: Record<string, number> = {};
  let last = performance.now();
  const lap = (name: string) => {
    const now = performance.now();
    laps[name] = now - last;
    last = now;
  };
  return { lap, laps };
}
