import type { Context } from "../context.ts";
import type { EngineProbe } from "../engines/engine.ts";
import { AppError, toAppError } from "../errors.ts";
import type { RunningWorker, startWorker } from "../worker/start.ts";
import type { Cli } from "./cli.ts";

const LOOK_MS = 5000;
/** So often may the worker inside a command break in a row; one that lived for a while begins a new one. */
const MOST_BROKEN = 3;
const LIVED_MS = 60_000;
/** How long a worker inside a command may go on with jobs that the command does not wait for. */
const FINISH_MS = 2000;

/** What a test may put in its place. */
type Ways = { start?: typeof startWorker; look_ms?: number };

/**
 * The worker inside a waiting command: started where no live one has the engine, and looked after, because
 * one that was alive a moment ago may have been killed since.
 */
export class HelperWorker {
  readonly #cli: Cli;
  readonly #context: Context;
  readonly #engines: readonly string[];
  readonly #missing: () => Promise<string | undefined>;
  readonly #start: typeof startWorker | undefined;
  readonly #lookMs: number;
  #worker: RunningWorker | undefined;
  #nextLook = 0;
  #broken = 0;
  #error: AppError | undefined;

  /** `missing` names an engine that no worker has; other ways to start one, and to look more often, are for tests. */
  constructor(
    cli: Cli,
    context: Context,
    engines: readonly string[],
    missing: () => Promise<string | undefined>,
    { start, look_ms = LOOK_MS }: Ways = {},
  ) {
    this.#cli = cli;
    this.#context = context;
    this.#engines = engines;
    this.#missing = missing;
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
    if ((await this.#missing()) === undefined) return;
    const start = this.#start ?? (await import("../worker/start.ts")).startWorker;
    const worker = await start(this.#context, { slots: this.#context.config.worker_slots });
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

function missingEngine(engine: string, probe: EngineProbe | undefined): AppError {
  const how =
    probe?.found === false
      ? `${probe.reason}; ${probe.how_to_install}`
      : "`aliquot doctor` says how to get it";
  return new AppError("unavailable", `the jobs wait in the queue, because ${engine} is missing here: ${how}`);
}
