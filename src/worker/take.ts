import { AppError, toAppError } from "../errors.ts";
import {
  type Claim,
  claimKey,
  dropClaims,
  raiseFence,
  releaseClaims,
  restLane,
} from "../queue/claims-store.ts";
import type { LeaseKeeper } from "../queue/lease-keeper.ts";
import type { Services } from "../services.ts";
import { loseAbandoned } from "./abandoned.ts";
import { isDown } from "./away.ts";
import { Collector, together } from "./collector.ts";
import type { Desk, Desks } from "./desk.ts";
import { type StartAids, type StartAnswer, startTasks } from "./executions.ts";
import type { Started } from "./facts.ts";
import { giveBackTask } from "./give-back.ts";
import type { WorkerSettings } from "./loop.ts";
import { type RunTools, runTask } from "./run.ts";

/** A claim whose organization's database is away is left for this long; no attempt is counted. */
const AWAY_SECONDS = 15;
/** Where the queue could not be told that a task waits. */
const WAITS_SECONDS = 2;

/** What a worker's claims lean on, for its whole life. */
export type Hall = {
  tools: RunTools;
  settings: WorkerSettings;
  worker_id: string;
  keeper: LeaseKeeper;
  desks: Desks;
  releases: Collector<Claim, void>;
  kill: AbortSignal;
};

/** Claims that go back at once, together. */
export function openReleases({ metadata }: Services): Collector<Claim, void> {
  return new Collector<Claim, void>(async (claims) => {
    await releaseClaims(metadata, claims, 0);
    return claims.map(() => ({ status: "fulfilled", value: undefined }));
  });
}

/**
 * Claims of one organization, from start to end; `freed` is called for each as soon as its slot may serve another.
 * Never throws: an error of ours must not leave a task locked.
 */
export async function takeClaims(hall: Hall, claims: Claim[], freed: (claim: Claim) => void): Promise<void> {
  const { keeper, desks } = hall;
  const [first] = claims;
  if (first === undefined) return;
  const held = new Map(claims.map((claim) => [claim, keeper.hold(claim)]));
  const desk = desks.of(first);
  const done = (claim: Claim) => {
    keeper.letGo(claim);
    freed(claim);
  };
  const { services } = hall.tools;
  try {
    const { taken: started, rest } = await startAll(hall, desk, claims);
    using told = tellLater(started.length === 0 ? async () => {} : () => tell(services, first.org_id));
    const running = new Set(started.map(({ claim }) => claim));
    for (const claim of claims) if (!running.has(claim)) done(claim);
    // Each is let go at its own end: the row of one that was recorded is gone, and is no lost lease.
    const runs = started.map((one) =>
      runOne(hall, desk, one, held.get(one.claim) as AbortSignal, told, () => freed(one.claim)).finally(() =>
        done(one.claim),
      ),
    );
    await Promise.all([...runs, rest]);
  } finally {
    for (const claim of claims) done(claim);
  }
}

type Taken = { claim: Claim; started: Started };

/** Starts them together and gives back those that need no running: beside the others, where there are any. */
async function startAll(
  hall: Hall,
  desk: Desk,
  claims: Claim[],
): Promise<{ taken: Taken[]; rest: Promise<void> }> {
  const { services } = hall.tools;
  const begun = performance.now();
  const ends = await together(claims, (all) => startLoaded(hall, desk, all), isDown);
  const answers = ends.map((end): StartAnswer | { kind: "broken"; error: unknown } =>
    end.status === "fulfilled" ? end.value : { kind: "broken", error: end.reason },
  );
  const of = (...kinds: string[]) => claims.filter((_, at) => kinds.includes(answers[at]?.kind ?? ""));
  const taken = claims.flatMap((claim, at): Taken[] => {
    const answer = answers[at];
    return answer?.kind === "started" ? [{ claim, started: answer }] : [];
  });
  const [one] = claims;
  if (one !== undefined)
    desk.meter.add(one.org_id, { started: taken.length }, { start: performance.now() - begun });
  const rest = (async () => {
    await dropClaims(services.metadata, of("absent"));
    for (const [at, claim] of claims.entries()) {
      const answer = answers[at];
      if (answer?.kind === "newer") await raiseFence(services.metadata, claim, answer.fence);
    }
    await giveBackUnstarted(services, of("gone"), of("waits"));
    await giveBackBroken(services, claims, answers);
    const holders = answers.flatMap((answer) => (answer.kind === "waits" ? (answer.holder ?? []) : []));
    if (one !== undefined && (await loseAbandoned(services, desk.lend, one.org_id, holders)))
      await tell(hall.tools.services, one.org_id);
  })().catch((error: unknown) => {
    services.log.warn({ err: toAppError(error).message }, "claims wait for their leases to run out");
  });
  if (taken.length === 0) await rest;
  return { taken, rest };
}

/** With what their engines read; where that breaks the transaction, without: each then reads and fails for itself. */
async function startLoaded(hall: Hall, desk: Desk, claims: Claim[]): Promise<StartAnswer[]> {
  const start = (aids: StartAids) =>
    desk.lend((scope) => startTasks(scope, claims, hall.worker_id, { specs: desk.specs, ...aids }));
  const load: StartAids["load"] = async (scope, claim, task) =>
    hall.settings.engines.get(claim.engine)?.adapter.load(scope, task);
  try {
    return await start({ load });
  } catch (error) {
    if (isDown(error)) throw error;
    return await start({});
  }
}

/** Told first: what is told takes the row out of the queue, or says until when it waits. */
async function giveBackUnstarted(services: Services, gone: Claim[], waits: Claim[]): Promise<void> {
  const [first] = [...gone, ...waits];
  if (first === undefined) return;
  await tell(services, first.org_id);
  await releaseClaims(services.metadata, gone, 0);
  await releaseClaims(services.metadata, waits, WAITS_SECONDS);
}

async function giveBackBroken(
  services: Services,
  claims: Claim[],
  answers: (StartAnswer | { kind: "broken"; error: unknown })[],
): Promise<void> {
  const [away, other]: [Claim[], Claim[]] = [[], []];
  for (const [at, claim] of claims.entries()) {
    const answer = answers[at];
    if (answer?.kind !== "broken") continue;
    const error = toAppError(answer.error);
    (isDown(answer.error) ? away : other).push(claim);
    services.log.warn(
      { err: error.message, detail: error.detail, job_id: claim.job_id },
      `claim ${claimKey(claim)} was given back`,
    );
  }
  if (away.length > 0) await restLane(services.metadata, away, AWAY_SECONDS);
  if (other.length > 0) await releaseClaims(services.metadata, other, AWAY_SECONDS);
}

/** One started claim, from its run to its end. */
async function runOne(
  hall: Hall,
  desk: Desk,
  { claim, started }: Taken,
  signal: AbortSignal,
  told: Later,
  computed: () => void,
): Promise<void> {
  const { services } = hall.tools;
  const engine = hall.settings.engines.get(claim.engine);
  try {
    if (engine === undefined)
      throw new AppError("internal", `engine ${claim.engine} is not at hand, and was claimed`);
    const end = await runTask(hall.tools, { claim, started, engine, desk, signal, computed });
    await told.noMore();
    services.log.info({ job_id: claim.job_id, task: claim.task_name, end }, "task ended");
    const isOurs = end === "stopped" || (end === "lost" && hall.kill.aborted);
    if (isOurs) await desk.lend((scope) => giveBackTask(scope, claim, started));
    if (isOurs || end === "lost") await hall.releases.add(claim);
    hall.settings.ended?.(isOurs ? "given_back" : end);
    await tell(services, claim.org_id);
  } catch (thrown) {
    const error = toAppError(thrown);
    services.log.warn(
      { err: error.message, detail: error.detail, job_id: claim.job_id },
      `claim ${claimKey(claim)} was given back`,
    );
    await releaseClaims(services.metadata, [claim], AWAY_SECONDS).catch(() => {});
    hall.settings.ended?.("given_back");
  }
}

/** A run that is over sooner tells that it began together with its end, in one relay for two. */
const MOMENT_MS = 100;

type Later = Disposable & { noMore(): Promise<void> };

/**
 * Tells in a moment that runs began, beside them and not before them. `noMore` is for who is about to tell all: it
 * waits for what is under way, and else takes it over. The reconciler tells what nobody told.
 */
function tellLater(tellNow: () => Promise<void>): Later {
  let told = Promise.resolve();
  const timer = setTimeout(() => {
    told = tellNow();
  }, MOMENT_MS);
  const end = () => clearTimeout(timer);
  return {
    noMore: () => {
      end();
      return told;
    },
    [Symbol.dispose]: end,
  };
}

/** Takes facts to the metadata database now; where that fails the reconciler does it within seconds. */
async function tell(services: Services, orgId: string): Promise<void> {
  try {
    await services.results.relay(orgId);
  } catch (error) {
    services.log.warn({ err: toAppError(error).message, org_id: orgId }, "facts wait for the reconciler");
  }
}
