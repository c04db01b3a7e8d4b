import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { EngineAtHand } from "../engines/adapter.ts";
import type { EngineProbe } from "../engines/engine.ts";
import { toAppError } from "../errors.ts";
import { newId } from "../ids.ts";
import {
  type Claim,
  claimKey,
  claimTasks,
  dropClaim,
  raiseFence,
  releaseClaim,
} from "../queue/claims-store.ts";
import { LeaseKeeper } from "../queue/lease-keeper.ts";
import { announceWorker, dismissWorker } from "../queue/workers-store.ts";
import type { Services } from "../services.ts";
import { startTask } from "./executions.ts";
import { giveBackTask } from "./give-back.ts";
import { type RunTools, runTask } from "./run.ts";

export type WorkerSettings = {
  slots: number;
  lease_seconds: number;
  version: string;
  /** Engines as found on this machine, and what the machine lacks. */
  engines: Map<string, EngineAtHand>;
  probes: EngineProbe[];
};

const IDLE_MS = 250;
const TROUBLE_MS = 2000;
/** A claim whose organization's database is away is left for this long; no attempt is counted. */
const AWAY_SECONDS = 15;

/**
 * A worker: claims tasks for the engines it has, as many at once as it has slots, and runs each to its
 * end. It stops claiming when `stop` aborts and finishes what it runs; when `kill` aborts, running engines
 * end at once and their tasks go back. Resolves when nothing runs any more.
 */
export async function runWorker(
  tools: Omit<RunTools, "worker_id">,
  settings: WorkerSettings,
  signals: { stop: AbortSignal; kill: AbortSignal },
): Promise<void> {
  const { services } = tools;
  const worker_id = newId();
  const engines = [...settings.engines.keys()];
  await announceWorker(
    services.metadata,
    {
      worker_id,
      host: hostname(),
      pid: process.pid,
      version: settings.version,
      engines,
      slots: settings.slots,
    },
    settings.probes,
  );
  const keeper = new LeaseKeeper(
    services,
    { worker_id, lease_seconds: settings.lease_seconds },
    signals.kill,
  );
  const running = new Set<Promise<void>>();
  // One listener for the worker's whole life: one a poll would be 345,000 a day.
  const stopped = aborted(signals.stop);
  try {
    while (!signals.stop.aborted) {
      const claims = await claimSome(services, settings, worker_id, engines, settings.slots - running.size);
      for (const claim of claims) {
        const run = runClaim({ ...tools, worker_id }, settings, claim, keeper, signals.kill).finally(() =>
          running.delete(run),
        );
        running.add(run);
      }
      if (claims.length > 0 && running.size < settings.slots) continue;
      await waitForWork(running, settings.slots, stopped);
    }
    await Promise.allSettled(running);
  } finally {
    keeper[Symbol.dispose]();
    await dismissWorker(services.metadata, worker_id).catch(() => {});
  }
}

async function claimSome(
  services: Services,
  settings: WorkerSettings,
  worker_id: string,
  engines: string[],
  free: number,
): Promise<Claim[]> {
  if (free <= 0) return [];
  try {
    return await claimTasks(
      services.metadata,
      { worker_id, engines, lease_seconds: settings.lease_seconds },
      free,
    );
  } catch (error) {
    services.log.warn({ err: toAppError(error).message }, "can't claim: trying again");
    await sleep(TROUBLE_MS);
    return [];
  }
}

/** Until a slot is free or it is time to ask again; at once where the worker is told to stop. */
async function waitForWork(
  running: Set<Promise<void>>,
  slots: number,
  stopped: Promise<void>,
): Promise<void> {
  const pause = new AbortController();
  const idle =
    running.size >= slots ? [] : [sleep(IDLE_MS, undefined, { signal: pause.signal }).catch(() => {})];
  await Promise.race([...running, ...idle, stopped]);
  pause.abort();
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** Takes facts to the metadata database now; where that fails the reconciler does it within seconds. */
async function tell(services: Services, claim: Claim): Promise<void> {
  try {
    await services.results.relay(claim.org_id);
  } catch (error) {
    services.log.warn(
      { err: toAppError(error).message, org_id: claim.org_id },
      "facts wait for the reconciler",
    );
  }
}

/** One claim, from start to end. Never throws: an error of ours must not leave a task locked. */
async function runClaim(
  tools: RunTools,
  settings: WorkerSettings,
  claim: Claim,
  keeper: LeaseKeeper,
  kill: AbortSignal,
): Promise<void> {
  const { services } = tools;
  const held = keeper.hold(claim);
  try {
    const lease = { org_id: claim.org_id, generation: claim.generation, worker_id: tools.worker_id };
    const started = await services.results.forLease(lease, (scope) =>
      startTask(scope, claim, tools.worker_id),
    );
    if (started.kind === "absent") return await dropClaim(services.metadata, claim);
    if (started.kind === "newer") return await raiseFence(services.metadata, claim, started.fence);
    const engine = settings.engines.get(claim.engine);
    if (started.kind === "gone" || engine === undefined) {
      await tell(services, claim);
      return await releaseClaim(services.metadata, claim, engine === undefined ? AWAY_SECONDS : 0);
    }
    // Beside the run and not before it: telling took 2 to 12 ms of each slot, and the reconciler tells again.
    const told = tell(services, claim);
    const end = await runTask(tools, engine, claim, started, held);
    await told;
    services.log.info({ job_id: claim.job_id, task: claim.task_name, end }, "task ended");
    if (end === "lost" && kill.aborted)
      await services.results.forLease(lease, (scope) => giveBackTask(scope, claim, started));
    if (end === "lost") await releaseClaim(services.metadata, claim, 0);
    await tell(services, claim);
  } catch (thrown) {
    const error = toAppError(thrown);
    services.log.warn(
      { err: error.message, detail: error.detail, job_id: claim.job_id },
      `claim ${claimKey(claim)} was given back`,
    );
    await releaseClaim(services.metadata, claim, AWAY_SECONDS).catch(() => {});
  } finally {
    keeper.letGo(claim);
  }
}
