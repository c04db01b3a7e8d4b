import { setTimeout as sleep } from "node:timers/promises";
import type { Principal } from "../access/principal.ts";
import type { Context } from "../context.ts";
import type { EngineProbe } from "../engines/engine.ts";
import { AppError, toAppError } from "../errors.ts";
import { jobStates, listJobs } from "../jobs/operations.ts";
import { type JobRow, type JobStatus, TERMINAL } from "../jobs/schema.ts";
import { perform } from "../perform.ts";
import { enrol } from "../processes.ts";
import { countWorkers } from "../queue/workers-store.ts";
import { type RunningWorker, startWorker } from "../worker/start.ts";
import type { Cli } from "./cli.ts";
import { Interrupted, onInterrupt } from "./interrupt.ts";

const POLL_MS = 200;
const PAGE = 1000;
/** How long a database may be away while we wait: a minute. */
const AWAY_TRIES = 60;
const AWAY_MS = 1000;
const LOOK_MS = 5000;
/** So often may the worker inside a command break in a row; one that lived for a while begins a new one. */
const MOST_BROKEN = 3;
const LIVED_MS = 60_000;
/** How long a worker inside a command may go on with jobs that the command does not wait for. */
const FINISH_MS = 2000;

/**
 * Waits until jobs have ended, with progress; returns them in the order asked for. Where no live worker has one of the engines, one runs inside this
 * command until then, and says so. Throws AppError unavailable where this machine lacks the engine too,
 * and Interrupted on Ctrl-C.
 */
export async function waitForJobs(
  cli: Cli,
  principal: Principal,
  jobIds: string[],
  ...engines: string[]
): Promise<JobRow[]> {
  const context = await cli.context();
  const rows = () => patiently(cli, context, () => readJobs(context, principal, jobIds));
  if ((await readStates(context, principal, jobIds)).every(isTerminal)) return rows();
  using interrupted = onInterrupt(cli.out, "ending", { runs: true });
  const { signal } = interrupted;
  const leave = await enrol(cli.home(), "wait");
  const helper = new HelperWorker(cli, context, engines);
  try {
    for (;;) {
      await helper.ensure();
      const states = await patiently(cli, context, () => readStates(context, principal, jobIds));
      const done = states.filter(isTerminal).length;
      cli.out.progress(done, states.length, states.length === 1 ? (states[0] ?? "") : "jobs");
      if (done === states.length) return await rows();
      if (signal.aborted) throw new Interrupted();
      await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    }
  } finally {
    await helper.end(signal.aborted);
    leave();
  }
}

/** A database that goes away for a while does not end the waiting: it is started again, or comes back. */
export async function patiently<T>(cli: Cli, context: Context, read: () => Promise<T>): Promise<T> {
  for (let away = 0; ; away++) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== "unavailable" || away >= AWAY_TRIES) throw error;
      if (away === 0) cli.out.say(`the database went away: waiting for it (the jobs are safe)`);
      await context.revive().catch(() => {});
      await sleep(AWAY_MS);
    }
  }
}

/**
 * The worker inside a waiting command: started where no live one has the engine, and looked after, because
 * one that was alive a moment ago may have been killed since.
 */
export class HelperWorker {
  readonly #cli: Cli;
  readonly #context: Context;
  readonly #engines: readonly string[];
  readonly #start: typeof startWorker;
  readonly #lookMs: number;
  #worker: RunningWorker | undefined;
  #nextLook = 0;
  #broken = 0;
  #error: AppError | undefined;

  /** Another way to start a worker, and to look more often, may be given for a test. */
  constructor(
    cli: Cli,
    context: Context,
    engines: readonly string[],
    { start = startWorker, look_ms = LOOK_MS }: { start?: typeof startWorker; look_ms?: number } = {},
  ) {
    this.#cli = cli;
    this.#context = context;
    this.#engines = engines;
    this.#start = start;
    this.#lookMs = look_ms;
  }

  /**
   * Looks every few seconds. Throws AppError unavailable where this machine lacks the engine too, and the worker's own
   * error where it broke again and again: the jobs stay in the queue.
   */
  async ensure(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    if (this.#worker !== undefined || Date.now() < this.#nextLook) return;
    this.#nextLook = Date.now() + this.#lookMs;
    if ((await withoutWorker(this.#context, this.#engines)) === undefined) return;
    const worker = await this.#start(this.#context, { slots: this.#context.config.worker_slots });
    const missing = this.#engines.find((engine) => !worker.engines.includes(engine));
    if (missing !== undefined) {
      worker.stop();
      await worker.done;
      throw missingEngine(
        missing,
        worker.probes.find(({ name }) => name === missing),
      );
    }
    this.#worker = worker;
    const began = performance.now();
    worker.done.catch((error: unknown) => this.#broke(toAppError(error), performance.now() - began));
    if (this.#broken === 0)
      this.#cli.out.say("no worker is running: this command runs one until its jobs end");
  }

  /** Said once; the last time it is the command's own error. */
  #broke(error: AppError, livedMs: number): void {
    this.#worker = undefined;
    this.#broken = livedMs > LIVED_MS ? 1 : this.#broken + 1;
    const { kind, message, fields, detail } = error;
    if (this.#broken === 1)
      this.#cli.out.say(`the worker in this command broke, and is started again: ${message}`);
    if (this.#broken < MOST_BROKEN) return;
    this.#error = new AppError(
      kind,
      `the worker in this command broke ${MOST_BROKEN} times (${message}): the jobs wait for another worker`,
      { cause: error, fields, ...(detail === undefined ? {} : { detail }) },
    );
  }

  /**
   * Stops it; what it still runs belongs to somebody else's question by now, or was interrupted. That gets a
   * moment to end, and is given back to the queue then.
   */
  async end(interrupted: boolean): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    if (interrupted) {
      worker.kill();
      await worker.done.catch(() => {});
      return;
    }
    worker.stop();
    const late = setTimeout(() => {
      this.#cli.out.say("what else this command's worker ran goes back to the queue");
      worker.kill();
    }, FINISH_MS);
    await worker.done.catch(() => {});
    clearTimeout(late);
  }
}

/** The first of some engines that no worker alive has; undefined: each is there. */
export async function withoutWorker(
  { metadata }: Pick<Context, "metadata">,
  engines: readonly string[],
): Promise<string | undefined> {
  // A database that is away answers the question of who is there later.
  const workers = await Promise.all(engines.map((engine) => countWorkers(metadata, engine).catch(() => 1)));
  return engines.find((_, index) => workers[index] === 0);
}

function missingEngine(engine: string, probe: EngineProbe | undefined): AppError {
  const how =
    probe?.found === false
      ? `${probe.reason}; ${probe.how_to_install}`
      : "`aliquot doctor` says how to get it";
  return new AppError("unavailable", `the jobs wait in the queue, because ${engine} is missing here: ${how}`);
}

function isTerminal(status: JobStatus): boolean {
  return TERMINAL.includes(status);
}

/** How jobs stand: asked several times a second, where their rows would cost a look for each molecule and name. */
async function readStates(context: Context, principal: Principal, jobIds: string[]): Promise<JobStatus[]> {
  const states: JobStatus[] = [];
  for (let at = 0; at < jobIds.length; at += PAGE) {
    const job_ids = jobIds.slice(at, at + PAGE);
    const { items } = await perform(context, jobStates, principal, { job_ids });
    states.push(...items.map(({ status }) => status));
  }
  return states;
}

/** Jobs in the order asked for. */
async function readJobs(context: Context, principal: Principal, jobIds: string[]): Promise<JobRow[]> {
  const found = new Map<string, JobRow>();
  for (let at = 0; at < jobIds.length; at += PAGE) {
    const page = await perform(context, listJobs, principal, { job_ids: jobIds.slice(at, at + PAGE) });
    for (const job of page.items) found.set(job.job_id, job);
  }
  return jobIds.flatMap((id) => found.get(id) ?? []);
}
