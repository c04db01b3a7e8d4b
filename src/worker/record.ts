import type { Canonical } from "../canonical.ts";
import { type ResultsScope, type ResultsTx, writeTogether } from "../db/results.ts";
import type { EngineAdapter, Recorded, RecordInput } from "../engines/adapter.ts";
import type { NewEvent as LogEntry } from "../events/log.ts";
import { privateTo } from "../jobs/schema.ts";
import { lockJobs } from "../jobs/store.ts";
import { wakeWaiting } from "../jobs/waking-store.ts";
import { dependants } from "../pipelines/graph.ts";
import type { Claim } from "../queue/claims-store.ts";
import { hitsUpdate } from "../result-cache/entries-store.ts";
import { keepResults } from "../result-cache/keep.ts";
import type { CacheEntry, CachePolicy } from "../result-cache/schema.ts";
import { checkRecorded, checkStructures } from "./check-recorded.ts";
import { completeExecutions, fromCacheWritings } from "./executions-store.ts";
import { goneFact, readyAgain, readyFact, type Started } from "./facts.ts";
import { Ledger } from "./ledger.ts";
import { jobOutcomes } from "./outcome.ts";
import { attemptKey, completeTasks, countOff, type TaskKey } from "./tasks-store.ts";

type Input = RecordInput<unknown, unknown, unknown>;
type Writer = Pick<EngineAdapter<unknown, unknown, unknown, unknown>, "record">;

type Ended = { claim: Claim; started: Started; signature: string };

/** A task that was computed; its bytes are stored. `engine` writes its own rows. */
export type Computed = Ended & {
  kind: "computed";
  /** What was signed. */
  document: { [key: string]: Canonical };
  service_name: string;
  logs_uri: string | null;
  engine: Writer;
  input: Input;
};

/** A task that an earlier execution answers. */
export type Answered = Ended & { kind: "answered"; entry: CacheEntry };

export type Finished = Computed | Answered;

/** What goes with a group: how results are kept for others (null: not at all now), and summaries that are due. */
export type Recording = {
  policy: (Pick<CachePolicy, "ttl_days"> & Partial<CachePolicy>) | null;
  metrics?: LogEntry[];
};

/**
 * Completes tasks of one organization: results, outputs, executions, tasks that become ready, events, cache and
 * facts, all or nothing, in statements that don't grow with their number. Each is guarded by its fence: one that
 * was overtaken, cancelled or recorded before changes nothing and hears "lost", and its work is thrown away
 * without harming the others. Throws AppError internal where an engine's result has not the shape of one.
 */
export async function recordTasks(
  scope: ResultsScope,
  finished: Finished[],
  recording: Recording,
): Promise<("recorded" | "lost")[]> {
  const { tx } = scope;
  const ledger = new Ledger(await lockJobs(tx, [...new Set(finished.map(({ claim }) => claim.job_id))]));
  const done = await completeTasks(tx, finished.map(completionOf));
  // Twice the same in one group: the first of them is it.
  const ours = finished.filter((one) => done.delete(attemptKey(completionOf(one))));
  if (ours.length === 0) return finished.map(() => "lost");
  const answering = await writeComputed(
    scope,
    ledger,
    ours.filter((one) => one.kind === "computed"),
    recording,
  );
  const answered = ours.filter((one) => one.kind === "answered");
  await writeAnswered(tx, ledger, answered);
  for (const one of answered) answering.add(one);
  await goOn(tx, ledger, ours, answering);
  ledger.log(...(recording.metrics ?? []));
  await ledger.write(tx);
  return finished.map((one) => (ours.includes(one) ? "recorded" : "lost"));
}

function completionOf({ claim, started, signature }: Finished) {
  const { job_id, task_name, fence } = claim;
  return { job_id, task_name, fence, exec_id: started.task.exec_id, signature };
}

/**
 * Engines' rows by engine, then the executions with their summaries, then what may answer others. Returns those that
 * answer from now on.
 */
async function writeComputed(
  { tx }: ResultsScope,
  ledger: Ledger,
  computed: Computed[],
  recording: Recording,
): Promise<Set<Finished>> {
  if (computed.length === 0) return new Set();
  const recorded = new Map<Computed, Recorded>();
  for (const [engine, group] of Map.groupBy(computed, (one) => one.engine)) {
    const answers = await engine.record(
      tx,
      group.map(({ input }) => input),
    );
    for (const [index, one] of group.entries()) recorded.set(one, checkRecorded(answers[index]));
  }
  const of = (one: Computed) => recorded.get(one) as Recorded;
  await checkStructures(
    tx,
    computed.map((one) => ({ input: one.input, outputs: of(one).outputs })),
  );
  await completeExecutions(
    tx,
    computed.map((one) => executionOf(one, of(one))),
  );
  for (const one of computed) noteComputed(ledger, one, of(one));
  const { policy } = recording;
  if (policy === null) return new Set();
  const items = computed.map((one) => keepOf(one, of(one)));
  const { irreproducible } = await keepResults(tx, items, policy);
  for (const found of irreproducible)
    ledger.step(found.job_id, {
      event: "irreproducible",
      detail: "the same task gave another result before",
      metadata: { task: found.task_name, job_id: found.other_job_id, exec_id: found.other_exec_id },
    });
  const disputed = new Set(irreproducible.map(({ exec_id }) => exec_id));
  return new Set(
    computed.filter(
      (one) => of(one).confidence_score >= (policy.threshold ?? 0) && !disputed.has(one.started.task.exec_id),
    ),
  );
}

function executionOf(one: Computed, recorded: Recorded) {
  const { job_id, task_name } = one.claim;
  const { schema_version, confidence_score, checks, wall_seconds, cpu_seconds } = recorded;
  return {
    job_id,
    task_name,
    exec_id: one.started.task.exec_id,
    signature: one.started.reuse ? one.signature : null,
    logs_uri: one.logs_uri,
    service_name: one.service_name,
    ...{ schema_version, confidence_score, checks, wall_seconds, cpu_seconds },
    result_data: { ...recorded.result_data, outputs: recorded.outputs },
  };
}

function keepOf({ claim, started, signature, document, input }: Computed, recorded: Recorded) {
  const { job_id, task_name } = claim;
  const { exec_id, owner_id, visibility } = started.task;
  const { pipeline_version } = started;
  const outputs = [...input.stored].map(([key, { uri }]) => ({ key: `${task_name}/${key}`, uri }));
  return {
    ...{ job_id, task_name, exec_id, owner_id, visibility, pipeline_version, signature },
    ...{ document, recorded, outputs },
  };
}

function noteComputed(ledger: Ledger, { claim, started }: Computed, recorded: Recorded): void {
  const { job_id, task_name } = claim;
  const { attempt, task } = started;
  const { wall_seconds, cpu_seconds } = recorded;
  const { outcome } = recorded.result_data as { outcome?: string };
  ledger.step(job_id, { event: "task_completed", metadata: { task: task_name, attempt } });
  ledger.change(job_id, { metrics: { [task_name]: { wall_seconds, cpu_seconds, outcome } } });
  logCompleted(ledger, claim, { attempt, exec_id: task.exec_id, outcome }, wall_seconds * 1000);
}

function logCompleted(ledger: Ledger, claim: Claim, context: object, duration_ms: number): void {
  const job = ledger.job(claim.job_id);
  ledger.log({
    event_type: "calculation_completed",
    entity_type: "job",
    entity_id: claim.job_id,
    status: "completed",
    context: { task: claim.task_name, engine: claim.engine, ...context },
    service: claim.engine,
    duration_ms,
    private_to: job === undefined ? null : privateTo(job),
  });
}

async function writeAnswered(tx: ResultsTx, ledger: Ledger, answered: Answered[]): Promise<void> {
  if (answered.length === 0) return;
  const writings = fromCacheWritings(
    answered.map(({ claim, started, signature, entry }) => ({
      job_id: claim.job_id,
      task_name: claim.task_name,
      exec_id: started.task.exec_id,
      signature,
      canonical_exec_id: entry.canonical_exec_id,
    })),
  );
  for (const { claim, started, entry } of answered) {
    const { job_id, task_name } = claim;
    const from = { from_job_id: entry.canonical_job_id, from_exec_id: entry.canonical_exec_id };
    const { attempt, task } = started;
    ledger.step(job_id, { event: "cached", metadata: { task: task_name, attempt, ...from } });
    ledger.change(job_id, { metrics: { [task_name]: { cached: true, wall_seconds: 0, cpu_seconds: 0 } } });
    logCompleted(ledger, claim, { attempt, exec_id: task.exec_id, cached: true, ...from }, 0);
  }
  const hits = hitsUpdate(
    answered.map(({ entry, started }) => ({ ...entry, visibility: started.task.visibility })),
  );
  // The executions are under their tasks' locks: only the entries are waited for.
  await writeTogether(tx, [...writings, hits]);
}

/** What follows: tasks that become ready, those that waited for the same result, and what becomes of the jobs. */
async function goOn(
  tx: ResultsTx,
  ledger: Ledger,
  ours: Finished[],
  answering: Set<Finished>,
): Promise<void> {
  const graphs = ours.filter(({ started }) => Object.keys(started.spec.tasks).length > 1);
  for (const task of await countOff(tx, graphs.flatMap(after))) {
    const job = ledger.job(task.job_id);
    if (job === undefined) continue;
    ledger.step(task.job_id, { event: "task_ready", metadata: { task: task.task_name } });
    ledger.fact(readyFact(job, task));
  }
  ledger.fact(...ours.map(({ claim }) => goneFact(claim)));
  const woken = await wakeWaiting(
    tx,
    ours.map((one) => ({ signature: one.signature, answers: answering.has(one) })),
  );
  ledger.fact(...woken.map(readyAgain));
  const outcomes = await jobOutcomes(tx, [...new Set(graphs.map(({ claim }) => claim.job_id))]);
  for (const { claim } of ours.filter((one) => !graphs.includes(one)))
    outcomes.set(claim.job_id, { status: "completed" });
  for (const [jobId, outcome] of outcomes) ledger.outcome(jobId, outcome);
}

/** Tasks that come after this one. */
function after({ claim: { job_id, task_name }, started }: Finished): TaskKey[] {
  return dependants(started.spec, task_name).map((name) => ({ job_id, task_name: name }));
}
