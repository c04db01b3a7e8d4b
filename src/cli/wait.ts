import { setTimeout as sleep } from "node:timers/promises";
import type { Principal } from "../access/principal.ts";
import type { Context } from "../context.ts";
import type { EngineProbe } from "../engines/engine.ts";
import { AppError } from "../errors.ts";
import { listJobs } from "../jobs/operations.ts";
import { type JobRow, TERMINAL } from "../jobs/schema.ts";
import { perform } from "../perform.ts";
import { enrol } from "../processes.ts";
import { countWorkers } from "../queue/workers-store.ts";
import { type RunningWorker, startWorker } from "../worker/start.ts";
import type { Cli } from "./cli.ts";

const POLL_MS = 200;
const PAGE = 1000;
/** How long a database may be away while we wait: a minute. */
const AWAY_TRIES = 60;
const AWAY_MS = 1000;
const LOOK_MS = 5000;
/** How long a worker inside a command may go on with jobs that the command does not wait for. */
const FINISH_MS = 2000;

/** Thrown on Ctrl-C: the jobs go on, the command ends with 130. */
export class Interrupted extends Error {}

/**
 * Waits until jobs have ended, with progress. Where no live worker has one of the engines, one runs inside this
 * command until then, and says so. Throws AppError unavailable where this machine lacks the engine too,
 * and Interrupted on Ctrl-C.
 */
export async function waitForJobs(
  cli: Cli,
  principal: Principal,
  jobIds: string[],
  ...engines: [string, ...string[]]
): Promise<JobRow[]> {
  const context = await cli.context();
  const known = await readJobs(context, principal, jobIds);
  if (known.every((job) => TERMINAL.includes(job.status))) return known;
  const interrupted = onInterrupt();
  const leave = await enrol(cli.home(), "wait");
  const helper = new HelperWorker(cli, context, engines);
  try {
    for (;;) {
      await helper.ensure();
      const jobs = await patiently(cli, context, () => readJobs(context, principal, jobIds));
      const done = jobs.filter((job) => TERMINAL.includes(job.status)).length;
      cli.out.progress(done, jobs.length, jobs.length === 1 ? (jobs[0]?.status ?? "") : "jobs");
      if (done === jobs.length) return jobs;
      if (interrupted.aborted) throw new Interrupted();
      await sleep(POLL_MS, undefined, { signal: interrupted }).catch(() => {});
    }
  } finally {
    await helper.end(interrupted.aborted);
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
  readonly #engines: string[];
  #worker: RunningWorker | undefined;
  #nextLook = 0;

  constructor(cli: Cli, context: Context, engines: string[]) {
    this.#cli = cli;
    this.#context = context;
    this.#engines = engines;
  }

  /** Looks every few seconds. Throws AppError unavailable where this machine lacks the engine too. */
  async ensure(): Promise<void> {
    if (this.#worker !== undefined || Date.now() < this.#nextLook) return;
    this.#nextLook = Date.now() + LOOK_MS;
    // A database that is away answers the question of who is there later.
    const others = await Promise.all(
      this.#engines.map((engine) => countWorkers(this.#context.metadata, engine).catch(() => 1)),
    );
    if (others.every((count) => count > 0)) return;
    const worker = await startWorker(this.#context, { slots: this.#context.config.worker_slots });
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
    worker.done.catch(() => {
      this.#worker = undefined;
    });
    this.#cli.out.say("no worker is running: this command runs one until its jobs end");
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

function missingEngine(engine: string, probe: EngineProbe | undefined): AppError {
  const how =
    probe?.found === false
      ? `${probe.reason}; ${probe.how_to_install}`
      : "`aliquot doctor` says how to get it";
  return new AppError("unavailable", `the jobs wait in the queue, because ${engine} is missing here: ${how}`);
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

/**
 * Aborts on Ctrl-C or SIGTERM. The listeners stay to the end of the process: a second signal would else
 * end it before its task is given back.
 */
export function onInterrupt(): AbortSignal {
  const controller = new AbortController();
  process.on("SIGINT", () => controller.abort());
  process.on("SIGTERM", () => controller.abort());
  return controller.signal;
}
