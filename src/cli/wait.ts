import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../errors.ts";
import { MOST_IDS, MOST_IDS_IN_URL } from "../fields.ts";
import { jobStates, listJobs } from "../jobs/operations.ts";
import { type JobRow, type JobStatus, TERMINAL } from "../jobs/schema.ts";
import { enrol } from "../processes.ts";
import { listEngines } from "../queue/operations.ts";
import type { Cli } from "./cli.ts";
import { HelperWorker } from "./helper-worker.ts";
import { Interrupted, onInterrupt } from "./interrupt.ts";

const POLL_MS = 200;
/** A question that crosses a network is asked less often. */
const REMOTE_POLL_MS = 1000;
/** How long a database or an API may be away while we wait: a minute. */
const AWAY_TRIES = 60;
const AWAY_MS = 1000;
const LOOK_MS = 5000;

/**
 * Waits until jobs have ended, with progress; returns them in the order asked for. Where no live worker has one of the
 * engines, one runs inside this command until then, and says so; what an API's workers lack is only said. Throws
 * AppError unavailable where this machine lacks the engine too, and Interrupted on Ctrl-C.
 */
export async function waitForJobs(cli: Cli, jobIds: string[], ...engines: string[]): Promise<JobRow[]> {
  const rows = () => patiently(cli, () => readJobs(cli, jobIds));
  if ((await readStates(cli, jobIds)).every(isTerminal)) return rows();
  using interrupted = onInterrupt(cli.out, "ending", { runs: !cli.isRemote });
  const { signal } = interrupted;
  const leave = cli.isRemote ? () => {} : await enrol(cli.home(), "wait");
  const hands = await handsFor(cli, engines);
  try {
    for (;;) {
      await hands.ensure();
      const states = await patiently(cli, () => readStates(cli, jobIds));
      const done = states.filter(isTerminal).length;
      cli.out.progress(done, states.length, states.length === 1 ? (states[0] ?? "") : "jobs");
      if (done === states.length) return await rows();
      if (signal.aborted) throw new Interrupted();
      await sleep(pollMs(cli), undefined, { signal }).catch(() => {});
    }
  } finally {
    await hands.end(signal.aborted);
    leave();
  }
}

/** How often what may have changed is asked for, `ms` where it is this machine that answers. */
export function pollMs({ isRemote }: Pick<Cli, "isRemote">, ms = POLL_MS): number {
  return isRemote ? Math.max(ms, REMOTE_POLL_MS) : ms;
}

/** A database or an API that goes away for a while does not end the waiting: it is started again, or comes back. */
export async function patiently<T>(cli: Cli, read: () => Promise<T>): Promise<T> {
  for (let away = 0; ; away++) {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof AppError) || error.kind !== "unavailable" || away >= AWAY_TRIES) throw error;
      const what = cli.isRemote ? "API" : "database";
      if (away === 0) cli.out.say(`the ${what} went away: waiting for it (the jobs are safe)`);
      if (!cli.isRemote) await (await cli.context()).revive().catch(() => {});
      await sleep(AWAY_MS);
    }
  }
}

/** Who does the work that a command waits for. */
export type Hands = { ensure(): Promise<void>; end(interrupted: boolean): Promise<void> };

/** A worker inside this command where it is needed; where an API is asked, somebody who says that one is needed. */
export async function handsFor(cli: Cli, engines: readonly string[]): Promise<Hands> {
  if (cli.isRemote) return new Onlooker(cli, engines);
  return new HelperWorker(cli, await cli.context(), engines, () => withoutWorker(cli, engines));
}

/** Looks now and then whether there is a worker, and says once where there is none. */
class Onlooker implements Hands {
  readonly #cli: Cli;
  readonly #engines: readonly string[];
  #nextLook = 0;
  #said = false;

  constructor(cli: Cli, engines: readonly string[]) {
    this.#cli = cli;
    this.#engines = engines;
  }

  async ensure(): Promise<void> {
    if (this.#said || Date.now() < this.#nextLook) return;
    this.#nextLook = Date.now() + LOOK_MS;
    const missing = await withoutWorker(this.#cli, this.#engines);
    if (missing === undefined) return;
    this.#said = true;
    this.#cli.out.say(
      `no worker with ${missing} is running: waiting for one (\`aliquot worker\` starts one where the API is)`,
    );
  }

  async end(): Promise<void> {}
}

/** The first of some engines that no worker alive has; undefined: each is there. */
export async function withoutWorker(cli: Cli, engines: readonly string[]): Promise<string | undefined> {
  if (engines.length === 0) return undefined;
  // A database that is away answers the question of who is there later.
  const found = await cli.ask(listEngines, {}).catch((error: unknown) => {
    if (error instanceof AppError && error.retryable) return undefined;
    throw error;
  });
  const workers = new Map<string, number>(found?.items.map((row) => [row.engine, row.workers]));
  return found && engines.find((engine) => (workers.get(engine) ?? 0) === 0);
}

function isTerminal(status: JobStatus): boolean {
  return TERMINAL.includes(status);
}

/** How jobs stand: asked several times a second, where their rows would cost a look for each molecule and name. */
async function readStates(cli: Cli, jobIds: string[]): Promise<JobStatus[]> {
  const states: JobStatus[] = [];
  for (const job_ids of portions(jobIds, MOST_IDS)) {
    const { items } = await cli.ask(jobStates, { job_ids });
    states.push(...items.map(({ status }) => status));
  }
  return states;
}

/** Jobs in the order asked for. */
async function readJobs(cli: Cli, jobIds: string[]): Promise<JobRow[]> {
  const found = new Map<string, JobRow>();
  for (const job_ids of portions(jobIds, MOST_IDS_IN_URL)) {
    const page = await cli.ask(listJobs, { job_ids });
    for (const job of page.items) found.set(job.job_id, job);
  }
  return jobIds.flatMap((id) => found.get(id) ?? []);
}

/** A list in parts of so many, for questions that take no more. */
export function* portions<T>(all: T[], most: number): Generator<T[]> {
  for (let at = 0; at < all.length; at += most) yield all.slice(at, at + most);
}
