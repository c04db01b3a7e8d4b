import { setTimeout as sleep } from "node:timers/promises";
import { toAppError } from "../errors.ts";
import { selectPlaces, selectTouchedOrgs } from "../orgs/store.ts";
import type { Services } from "../services.ts";
import { sweepLeases } from "./claim.ts";
import { upkeep } from "./upkeep.ts";

const TOUCHED_SECONDS = 600;
const ALL_EVERY_MS = 15 * 60 * 1000;

/** What one round of the reconciler repaired. */
export type RoundReport = { leases: number; failed: { org_id: string; error: string }[] };

/** Takes over facts that nobody relayed, of the organizations given, and gives back leases that ran out. */
export async function reconcileOnce(services: Services, orgIds: string[]): Promise<RoundReport> {
  const report: RoundReport = { leases: await sweepLeases(services.metadata), failed: [] };
  for (const org_id of orgIds) {
    try {
      await services.results.relay(org_id);
    } catch (error) {
      report.failed.push({ org_id, error: toAppError(error).message });
    }
  }
  return report;
}

async function keepUp(services: Services, org_id: string): Promise<void> {
  try {
    await services.results.forMachinery(org_id, upkeep);
  } catch (error) {
    services.log.warn({ err: toAppError(error).message, org_id }, "the upkeep of a database failed");
  }
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
 * hour all of them. Resolves when `stop` aborts; an error of one round is logged, `onTrouble` may mend
 * what it can (start the embedded server again), and the next round goes on.
 */
export async function runReconciler(
  services: Services,
  everySeconds: number,
  stop: AbortSignal,
  onTrouble: () => Promise<void> = async () => {},
): Promise<void> {
  let allAt = 0;
  while (!stop.aborted) {
    try {
      const all = Date.now() >= allAt;
      const orgs = await services.metadata.system(async (tx) =>
        all
          ? (await selectPlaces(tx)).filter((place) => place.state === "active").map((place) => place.org_id)
          : selectTouchedOrgs(tx, TOUCHED_SECONDS),
      );
      if (all) allAt = Date.now() + ALL_EVERY_MS;
      const report = await reconcileOnce(services, orgs);
      if (all) for (const org of orgs) await keepUp(services, org);
      if (report.leases > 0 || report.failed.length > 0) services.log.warn(report, "reconciled");
    } catch (error) {
      services.log.warn({ err: toAppError(error).message }, "reconciling failed: trying again");
      await onTrouble().catch(() => {});
    }
    await sleep(everySeconds * 1000, undefined, { signal: stop }).catch(() => {});
  }
}
