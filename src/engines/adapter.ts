import type { ResultsScope, ResultsTx } from "../db/results.ts";
import type { RunOutcome } from "../executors/executor.ts";
import type { StoredObject } from "../objects/store.ts";
import type { TaskOutputs } from "../pipelines/schema.ts";
import type { Services } from "../services.ts";
import type { EngineCheck, EngineInstall, EngineProgram } from "./engine.ts";

/** A task as an engine meets it: the job's own recipe, parameters and inputs. */
export type TaskContext = {
  org_id: string;
  job_id: string;
  task_name: string;
  exec_id: string;
  owner_id: string;
  visibility: "private" | "organization";
  /** Parameters of the recipe's node under those of the job. */
  params: Record<string, unknown>;
  inputs: { key: string; molecule_id: string | null; structure_id: string | null }[];
  /** Binding sites among the job's inputs: whoever asked for it may see them, and parameters say only which. */
  site_ids: string[];
};

/** What an engine computes from: validated parameters, its input, and where that came from. */
export type Prepared<P, I> = {
  params: P;
  input: I;
  molecule_id: string | null;
  structure_id: string;
};

/** A file that a run leaves for good; its bytes are stored before any row names it. */
export type OutputFile = { key: string; content_type: string; bytes: Uint8Array };

export type RecordInput<P, I, R> = {
  task: TaskContext;
  install: EngineInstall;
  prepared: Prepared<P, I>;
  result: R;
  /** Where the output files are now, by key. */
  stored: Map<string, StoredObject & { content_type: string }>;
  logs_uri: string | null;
};

/** What the worker writes of a result whatever the engine: the summary, its checks, the job's metrics. */
export type Recorded = {
  schema_version: string;
  checks: EngineCheck[];
  confidence_score: number;
  result_data: object;
  /** What later tasks of the job may refer to by name; kept in `task_results.result_data.outputs`. */
  outputs: TaskOutputs;
  /** SHA-256 of the numbers that the same signature must give again. */
  result_hash: string;
  /** Hashes that the same numbers may have as well, by the noise of their last digits. */
  near_hashes?: string[];
  wall_seconds: number;
  cpu_seconds: number | null;
};

/**
 * An engine whole: the stages without a database, and the three that meet it. `load` reads in a short
 * transaction, `prepare` makes 3D and fetches bytes with none open, `record` writes in the one that
 * completes the tasks, of several at once.
 */
export type EngineAdapter<P, I, R, L> = EngineProgram<P, I, R> & {
  load(scope: ResultsScope, task: TaskContext): Promise<L>;
  prepare(services: Services, lend: Lend, task: TaskContext, loaded: L): Promise<Prepared<P, I>>;
  outputs(result: R): OutputFile[];
  /** What a run that gave no result leaves for who goes on from it; absent: nothing. */
  left?(params: P, run: RunOutcome): Promise<OutputFile[]>;
  /** The program's own output, kept compressed. */
  log(result: R): string;
  /** Writes the rows of several finished tasks, each table in one statement. One answer an item, in order. */
  record(tx: ResultsTx, items: RecordInput<P, I, R>[]): Promise<Recorded[]>;
};

/** Lends a transaction on the organization's database to a stage that needs a short one. */
export type Lend = <T>(work: (scope: ResultsScope) => Promise<T>) => Promise<T>;

/** An engine that this machine has, as the worker holds it: what it passes on is the engine's own business. */
export type EngineAtHand = {
  adapter: EngineAdapter<unknown, unknown, unknown, unknown>;
  install: EngineInstall;
};
