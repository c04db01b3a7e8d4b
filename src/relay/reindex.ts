import { setTimeout as sleep } from "node:timers/promises";
import { auditEntry, belongsToChain } from "../audit/entry.ts";
import { appendAudit } from "../audit/store.ts";
import { repairBatches } from "../batches/repair.ts";
import type { MetadataDoor, MetadataTx } from "../db/metadata.ts";
import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { logEvents, type NewEvent } from "../events/log.ts";
import { REINDEXED } from "../events/schema.ts";
import type { ResultsDoor } from "../orgs/door.ts";
import { lockRelay } from "./outbox-store.ts";
import { holdOrganization } from "./projection-store.ts";
import {
  analyzeTruth,
  announceTruth,
  countLeases,
  createTruthTables,
  fetchAudit,
  fetchTruth,
  insertTruth,
  openAudit,
  openTruth,
  rewriteJobs,
  rewriteQueue,
} from "./reindex-store.ts";

/** How the projection differed from the results database before it was rewritten. */
export type Reindexed = {
  org_id: string;
  jobs: number;
  open_tasks: number;
  jobs_added: number;
  jobs_changed: number;
  jobs_removed: number;
  queue_added: number;
  queue_changed: number;
  queue_removed: number;
  leases_kept: number;
  audit_added: number;
  /** Batches whose counters did not equal their items. */
  batches_recounted: number;
};

const CHUNK = 5000;
const AUDIT_CHUNK = 1000;
const TRIES = 4;

/**
 * Rewrites the projection of one organization, `jobs_meta` and its part of the queue, from one snapshot of
 * its results database, while jobs run: no relay works meanwhile, facts that come after the snapshot
 * follow it, and a lease that is valid is left alone. Audit facts that are still kept are appended where they are
 * missing. Facts in the outbox stay as they are: telling again what is known changes nothing. Killed, it has
 * changed nothing. Throws AppError not_found, unavailable, org_upgrading, app_too_old.
 */
export async function reindexOrg(
  services: { metadata: MetadataDoor; results: ResultsDoor },
  orgId: string,
  userId: string | null,
): Promise<Reindexed> {
  for (let tries = 1; ; tries++) {
    try {
      return await services.results.forMachinery(orgId, async (scope) => {
        // The other database may work on millions of rows meanwhile.
        await lockRelay(scope.tx, { patience: "60s", idle: "30min" });
        const batches_recounted = (await repairBatches(scope, { all: true })).length;
        const report = await services.metadata.system((tx) =>
          rewrite(tx, scope, { userId, batches_recounted }),
        );
        await logEvents(scope.tx, [reindexed(report)]);
        return report;
      });
    } catch (error) {
      // Heartbeats lock leases in another order than we do; PostgreSQL ends one of the two, and we come again.
      if (tries === TRIES || !isDeadlock(error)) throw error;
      await sleep(50 * tries);
    }
  }
}

/** Kept where facts that were set aside are kept: those before it are made good. */
function reindexed({ org_id, ...context }: Reindexed): NewEvent {
  return {
    event_type: "performance_metric",
    entity_type: "organization",
    entity_id: org_id,
    status: REINDEXED,
    service: "reindex",
    context,
  };
}

function isDeadlock(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  return (cause as { code?: string } | undefined)?.code === "40P01";
}

/** Two databases in two transactions, as in the relay: the one place besides it where that is allowed. */
async function rewrite(
  tx: MetadataTx,
  scope: ResultsScope,
  { userId, batches_recounted }: { userId: string | null; batches_recounted: number },
): Promise<Reindexed> {
  if ((await holdOrganization(scope.org_id).execute(tx)).rows.length === 0)
    throw new AppError("not_found", "no such organization: it was dropped while it was read");
  await createTruthTables(tx);
  const counts = await copyTruth(tx, scope);
  await analyzeTruth(tx);
  const jobs = await rewriteJobs(tx, scope);
  const queue = await rewriteQueue(tx, scope);
  const report: Reindexed = {
    org_id: scope.org_id,
    ...counts,
    jobs_added: jobs.added,
    jobs_changed: jobs.changed,
    jobs_removed: jobs.removed,
    queue_added: queue.added,
    queue_changed: queue.changed,
    queue_removed: queue.removed,
    leases_kept: await countLeases(tx, scope.org_id),
    audit_added: await copyAudit(tx, scope),
    batches_recounted,
  };
  const { org_id, ...numbers } = report;
  await appendAudit(tx, [
    auditEntry({
      org_id,
      user_id: userId,
      action: "org.reindex",
      entity_type: "organization",
      entity_id: org_id,
      metadata: numbers,
    }),
  ]);
  await announceTruth(tx, org_id);
  return report;
}

async function copyTruth(tx: MetadataTx, scope: ResultsScope): Promise<{ jobs: number; open_tasks: number }> {
  await openTruth(scope.tx);
  let [jobs, open_tasks] = [0, 0];
  for (;;) {
    const truth = await fetchTruth(scope.tx, CHUNK);
    if (truth.length === 0) return { jobs, open_tasks };
    const fresh = truth.filter((row) => row.kind === "job").length;
    jobs += fresh;
    open_tasks += truth.length - fresh;
    await insertTruth(tx, truth);
  }
}

async function copyAudit(tx: MetadataTx, scope: ResultsScope): Promise<number> {
  await openAudit(scope.tx);
  let added = 0;
  for (;;) {
    const entries = await fetchAudit(scope.tx, AUDIT_CHUNK);
    if (entries.length === 0) return added;
    added += await appendAudit(
      tx,
      entries.flatMap((entry) => (entry !== null && belongsToChain(entry, scope.org_id) ? [entry] : [])),
    );
  }
}
