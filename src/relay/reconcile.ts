import { setTimeout as sleep } from "node:timers/promises";
import { advanceBatches } from "../batches/advance.ts";
import { selectOpenBatches } from "../batches/windows-store.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { toAppError } from "../errors.ts";
import { purgeDue } from "../orgs/purge.ts";
import { selectPlaces, selectTouchedOrgs } from "../orgs/store.ts";
import { sweepLeases } from "../queue/sweep.ts";
import { ageCache } from "../result-cache/prune.ts";
import type { Services } from "../services.ts";
import { Hands } from "./hands.ts";
import { repairOrg } from "./repair.ts";
import { takeTurn, upkeep, upkeepShared } from "./upkeep.ts";

const TOUCHED_SECONDS = 600;
const ALL_EVERY_MS = 15 * 60 * 1000;
/** A little less than a round: whichever worker comes first in the next one may have it. */
const REPAIR_SECONDS = (0.9 * ALL_EVERY_MS) / 1000;
const BATCHES_EVERY_MS = 1000;
/** So many rounds with organizations known to have open batches, then one that looks for others. */
const ROUNDS_BETWEEN = 5;

/** What one round of the reconciler repaired. */
export type RoundReport = { leases: number; failed: { org_id: string; error: string }[] };

/**
 * Takes over facts that nobody relayed, of the organizations given, and gives back leases that ran out. One
 * that hangs is left to itself. Throws AppError unavailable (the metadata database is away).
 */
export async function reconcileOnce(
  services: Services,
  orgIds: string[],
  hands = new Hands(),
): Promise<RoundReport> {
  const report: RoundReport = { leases: await sweepLeases(services.metadata), failed: [] };
  await hands.each(
    orgIds,
    (org_id) => services.results.relay(org_id),
    (org_id, error) => report.failed.push({ org_id, error: toAppError(error).message }),
  );
  return report;
}

/** Ends the organizations whose grace is over; one that can't be ended now is met again in the next round. */
async function endDeleted(services: Services): Promise<void> {
  const ended = await purgeDue(services, (org_id, error) =>
    services.log.warn({ err: toAppError(error).message, org_id }, "a deleted organization is not gone yet"),
  );
  for (const org_id of ended) services.log.info({ org_id }, "a deleted organization is gone");
}

/** The chores of every database, the shared one first; and what should be equal in both is compared. */
async function keepUp(services: Services, hands: Hands): Promise<void> {
  const orgs = await services.metadata.system(async (tx) => {
    await upkeepShared(tx);
    return selectActive(tx);
  });
  await hands.each(
    orgs,
    async (org_id) => {
      const isOurs = await services.results.forMachinery(org_id, async (scope) => {
        await upkeep(scope);
        return takeTurn(scope, REPAIR_SECONDS);
      });
      await ageCache(services, org_id);
      if (isOurs) await services.objects.sweep(org_id);
      if (isOurs) await repairOrg(services, org_id);
    },
    (org_id, error) =>
      services.log.warn({ err: toAppError(error).message, org_id }, "the upkeep of a database failed"),
  );
}

/** Organizations known to have open batches, and those that are still to be asked. */
export type BatchOrgs = { open: Set<string>; unasked: Set<string> };

/**
 * Makes the next jobs of open batches: each of `orgIds` is asked, and is one of the `open` then or is not. One that
 * can't be asked, as its database is away, is to be asked again; one that is gone is forgotten.
 */
export async function advanceOpen(
  services: Services,
  orgIds: string[],
  { open, unasked }: BatchOrgs,
  hands = new Hands(),
): Promise<void> {
  await hands.each(
    orgIds,
    async (org_id) => {
      const batches = await services.results.forMachinery(org_id, ({ tx }) => selectOpenBatches(tx));
      unasked.delete(org_id);
      if (batches.length === 0) return void open.delete(org_id);
      open.add(org_id);
      await advanceBatches(services, org_id);
    },
    (org_id, error) => {
      const { kind } = toAppError(error);
      open.delete(org_id);
      if (kind === "not_found") unasked.delete(org_id);
      else unasked.add(org_id);
      services.log.warn({ err: toAppError(error).message, org_id }, "batches wait: trying again");
    },
  );
}

async function selectActive(tx: MetadataTx): Promise<string[]> {
  return (await selectPlaces(tx)).flatMap((place) => (place.state === "active" ? [place.org_id] : []));
}

/** Gives back leases that ran out, on its own clock: no slow database may hold it up. */
export async function runSweeper(services: Services, everySeconds: number, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    await sweepLeases(services.metadata).catch(() => {}); // the reconciler meets the same error and says it
    await sleep(everySeconds * 1000, undefined, { signal: stop }).catch(() => {});
  }
}

/**
 * The reconciler: every few seconds the databases touched in the last ten minutes, every quarter of an
 * hour all of them; beside it, each on its own clock, the windows of open batches, the end of deleted organizations,
 * and the upkeep with its repairs. Resolves
 * when `stop` aborts; an error of one round is logged, `onTrouble` may mend what it can (start the embedded
 * server again), and the round is tried again.
 */
export async function runReconciler(
  services: Services,
  everySeconds: number,
  stop: AbortSignal,
  onTrouble: () => Promise<void> = async () => {},
): Promise<void> {
  const soonMs = everySeconds * 1000;
  /** A round says when the next is due; one that fails comes again soon. */
  const loop = async (round: () => Promise<number>) => {
    while (!stop.aborted) {
      const waitMs = await round().catch(async (error: unknown) => {
        services.log.warn({ err: toAppError(error).message }, "reconciling failed: trying again");
        await onTrouble().catch(() => {});
        return soonMs;
      });
      await sleep(waitMs, undefined, { signal: stop }).catch(() => {});
    }
  };
  const [relaying, keeping, advancing] = [new Hands(), new Hands(), new Hands()];
  const known: BatchOrgs = { open: new Set(), unasked: new Set() };
  let [allAt, askAllAt, rounds] = [0, 0, 0];
  const relay = async () => {
    const all = performance.now() >= allAt;
    const orgs = await services.metadata.system((tx) =>
      all ? selectActive(tx) : selectTouchedOrgs(tx, TOUCHED_SECONDS),
    );
    const report = await reconcileOnce(services, orgs, relaying);
    // After the round: one that broke off has not looked at all of them.
    if (all) allAt = performance.now() + ALL_EVERY_MS;
    if (report.leases > 0 || report.failed.length > 0) services.log.warn(report, "reconciled");
    return soonMs;
  };
  const batches = async () => {
    if (performance.now() >= askAllAt) {
      for (const org_id of await services.metadata.system(selectActive)) known.unasked.add(org_id);
      askAllAt = performance.now() + ALL_EVERY_MS;
    }
    const orgs = new Set(known.open);
    if (rounds++ % ROUNDS_BETWEEN === 0) {
      const touched = await services.metadata.system((tx) => selectTouchedOrgs(tx, TOUCHED_SECONDS));
      for (const org_id of [...touched, ...known.unasked]) orgs.add(org_id);
    }
    await advanceOpen(services, [...orgs], known, advancing);
    return BATCHES_EVERY_MS;
  };
  const purge = async () => {
    await endDeleted(services);
    return ALL_EVERY_MS;
  };
  const chores = async () => {
    await keepUp(services, keeping);
    return ALL_EVERY_MS;
  };
  await Promise.all([relay, batches, purge, chores].map(loop));
}
