import { join } from "node:path";
import type { Context } from "../context.ts";
import type { EngineProbe } from "../engines/engine.ts";
import { findEngines } from "../engines/registry.ts";
import { openLocalExecutor, sweepLeftovers } from "../executors/local.ts";
import { openWakeups } from "../queue/wakeups.ts";
import { runReconciler, runSweeper } from "../relay/reconcile.ts";
import { version } from "../version.ts";
import { runWorker } from "./loop.ts";
import type { TaskEnd } from "./run.ts";

export type RunningWorker = {
  /** Engines that were found, by name. */
  engines: string[];
  probes: EngineProbe[];
  /** Takes no more tasks and finishes those it has. */
  stop(): void;
  /** Ends running engines at once; their tasks go back to the queue. */
  kill(): void;
  /** Resolves when nothing runs any more. */
  done: Promise<void>;
};

export type WorkerOptions = {
  slots: number;
  /** Only these engines, of those that are found. */
  engines?: string[];
  /** Ends when nothing is left to claim. */
  once?: boolean;
  /** Told of each start's end. */
  ended?: (end: TaskEnd) => void;
};

/**
 * Starts a worker with its reconciler in this process, after sweeping what a dead one left behind.
 * The context stays the caller's to close, after `done`.
 */
export async function startWorker(context: Context, options: WorkerOptions): Promise<RunningWorker> {
  const scratch = join(context.home, "scratch");
  await sweepLeftovers(scratch);
  const { engines, probes } = await findEngines(context.config);
  for (const name of engines.keys()) if (options.engines?.includes(name) === false) engines.delete(name);
  const wakeups = openWakeups(context, [...engines.keys()]);
  const executor = openLocalExecutor({ scratch, owner: String(process.pid) });
  const stop = new AbortController();
  const kill = new AbortController();
  const { lease_seconds, reconcile_seconds } = context.config;
  const { slots, once = false, ended } = options;
  const settings = {
    slots,
    once,
    ...(ended === undefined ? {} : { ended }),
    lease_seconds,
    version: version(),
    engines,
    probes,
  };
  const loops = [
    runWorker({ services: context, executor, wakeups }, settings, {
      stop: stop.signal,
      kill: kill.signal,
    }).finally(() => stop.abort()),
    runReconciler(context, reconcile_seconds, stop.signal, context.revive),
    runSweeper(context, reconcile_seconds, stop.signal),
  ];
  const done = endTogether(loops, stop).finally(async () => {
    await wakeups[Symbol.asyncDispose]();
    await executor[Symbol.asyncDispose]();
  });
  done.catch(() => {}); // whoever awaits it sees the error
  return {
    engines: [...engines.keys()],
    probes,
    stop: () => stop.abort(),
    kill: () => {
      stop.abort();
      kill.abort();
    },
    done,
  };
}

/** One loop that breaks stops the other: half a worker would hold its place and do nothing. */
async function endTogether(loops: Promise<void>[], stop: AbortController): Promise<void> {
  for (const loop of loops) loop.catch(() => stop.abort());
  const ends = await Promise.allSettled(loops);
  const broken = ends.find((end) => end.status === "rejected");
  if (broken !== undefined) throw broken.reason;
}
