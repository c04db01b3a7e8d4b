import { hostname } from "node:os";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { EngineAtHand } from "../engines/adapter.ts";
import type { EngineProbe } from "../engines/engine.ts";
import { toAppError } from "../errors.ts";
import { newId } from "../ids.ts";
import { type Claim, claimTasks } from "../queue/claims-store.ts";
import { LeaseKeeper } from "../queue/lease-keeper.ts";
import { markOf } from "../queue/process-mark.ts";
import { LISTENING_POLL_MS, type Wakeups } from "../queue/wakeups.ts";
import { announceWorker, dismissWorker } from "../queue/workers-store.ts";
import { Desks } from "./desk.ts";
import type { RunTools, TaskEnd } from "./run.ts";
import { type Hall, openReleases, takeClaims } from "./take.ts";

export type WorkerSettings = {
  slots: number;
  lease_seconds: number;
  version: string;
  /** Engines as found on this machine, and what the machine lacks. */
  engines: Map<string, EngineAtHand>;
  probes: EngineProbe[];
  /** Ends when nothing is left to claim. */
  once?: boolean;
  /** Told of each start's end. */
  ended?: (end: TaskEnd) => void;
};

/** How often the queue is asked by one that nobody calls. */
const IDLE_MS = 250;
const TROUBLE_MS = 2000;
/** Tasks whose program has ended and that are still being recorded, beside those that run. */
const MOST_RECORDING = 200;

/**
 * A worker: claims tasks for the engines it has, as many at once as it has slots, and runs each to its
 * end. It stops claiming when `stop` aborts or it is told to drain, and finishes what it runs; when `kill` aborts,
 * running engines end at once and their tasks go back. Resolves when nothing runs any more.
 */
export async function runWorker(
  tools: RunTools & { wakeups?: Wakeups },
  settings: WorkerSettings,
  signals: { stop: AbortSignal; kill: AbortSignal },
): Promise<void> {
  const { services, wakeups } = tools;
  const worker_id = newId();
  const engines = [...settings.engines.keys()];
  const { version, slots, lease_seconds } = settings;
  const row = { worker_id, host: hostname(), pid: process.pid, process: await markOf(process.pid) };
  const announce = () =>
    announceWorker(services.metadata, { ...row, version, engines, slots }, settings.probes);
  await announce();
  const { kill } = signals;
  const drain = new AbortController();
  const stop = AbortSignal.any([signals.stop, drain.signal]);
  const keeper = new LeaseKeeper(services, { worker_id, lease_seconds }, kill, {
    draining: () => drain.abort(),
    forgotten: announce,
  });
  const desks = new Desks(services, worker_id, kill);
  const releases = openReleases(services);
  const hall: Hall = { tools, settings, worker_id, keeper, desks, releases, kill };
  const open = new Set<Promise<void>>();
  try {
    await claimUntilStopped(hall, open, new Bell(stop, wakeups), stop);
  } finally {
    // Also where claiming broke: whoever waits for this closes what they run on.
    await Promise.allSettled(open);
    keeper[Symbol.dispose]();
    await dismissWorker(services.metadata, worker_id).catch(() => {});
  }
}

/** `open` holds the groups that are under way. */
async function claimUntilStopped(
  hall: Hall,
  open: Set<Promise<void>>,
  bell: Bell,
  stop: AbortSignal,
): Promise<void> {
  const { slots, once = false } = hall.settings;
  /** Claims that hold a slot, and how many claims are in the groups that are under way. */
  const busy = new Set<Claim>();
  let underWay = 0;
  while (!stop.aborted) {
    const free = Math.min(slots - busy.size, slots + MOST_RECORDING - underWay);
    const claims = await claimSome(hall, free, stop);
    for (const claim of claims) busy.add(claim);
    for (const group of Map.groupBy(claims, (claim) => `${claim.org_id} ${claim.generation}`).values()) {
      const run = takeClaims(hall, group, (claim) => {
        if (busy.delete(claim)) bell.ring();
      }).finally(() => {
        open.delete(run);
        // Freed slots rang for themselves: only who is full of recordings, or ends with the last one, waits for this.
        const full = underWay - busy.size >= MOST_RECORDING;
        underWay -= group.length;
        if (once || full) bell.ring();
      });
      open.add(run);
      underWay += group.length;
    }
    if (once && free > 0 && open.size === 0) break;
    await bell.heard(free > 0);
    // What ends in the same turn frees its slots together, and one claim fills them all.
    await turn();
  }
}

async function claimSome(hall: Hall, free: number, stop: AbortSignal): Promise<Claim[]> {
  if (free <= 0) return [];
  const { worker_id, settings, tools } = hall;
  const { lease_seconds } = settings;
  const engines = [...settings.engines.keys()];
  try {
    return await claimTasks(tools.services.metadata, { worker_id, engines, lease_seconds }, free);
  } catch (error) {
    tools.services.log.warn({ err: toAppError(error).message }, "can't claim: trying again");
    await sleep(TROUBLE_MS, undefined, { signal: stop }).catch(() => {});
    return [];
  }
}

/** Rung when there is something to do; one that rang while nobody listened is heard at once. */
class Bell {
  readonly #wakeups: Wakeups | undefined;
  #rung = Promise.withResolvers<void>();

  constructor(stop: AbortSignal, wakeups: Wakeups | undefined) {
    this.#wakeups = wakeups;
    // One listener for the worker's whole life: one a poll would be 345,000 a day.
    stop.addEventListener("abort", () => this.ring(), { once: true });
  }

  ring(): void {
    this.#rung.resolve();
  }

  /** Until it rings; `idle` also until tasks come, or it is time to ask for some. */
  async heard(idle: boolean): Promise<void> {
    const pause = new AbortController();
    await Promise.race([this.#rung.promise, ...(idle ? [this.#tasks(pause.signal)] : [])]);
    pause.abort();
    this.#rung = Promise.withResolvers<void>();
  }

  async #tasks(signal: AbortSignal): Promise<void> {
    if (this.#wakeups !== undefined) return this.#wakeups.next(LISTENING_POLL_MS, signal);
    await sleep(IDLE_MS, undefined, { signal }).catch(() => {});
  }
}
