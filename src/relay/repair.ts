import { repairBatches } from "../batches/repair.ts";
import { logEvents } from "../events/log.ts";
import { REPAIRED } from "../events/schema.ts";
import { insertOutbox } from "../outbox.ts";
import type { Services } from "../services.ts";
import { reindexOrg } from "./reindex.ts";
import {
  type Counts,
  countJobs,
  countProjected,
  lockUnchanged,
  selectMissing,
  selectOpenTasks,
} from "./repair-store.ts";

/** What was not as it should be in one organization, and is now. */
export type Repaired = {
  /** Tasks that the queue had lost. */
  tasks: number;
  /** Jobs that the projection did not have as they are. */
  jobs: number;
  /** Batches whose counters did not equal their items. */
  batches: number;
};

const FIRST = { job_id: "00000000-0000-0000-0000-000000000000", task_name: "" };

/**
 * Compares queue, projection and counters of one organization with its results database and repairs what differs.
 * What was repaired is kept in `event_logs`, so that `health` shows it. Nothing of it is ever needed where every
 * guarantee holds: a backup put back, or rows that somebody deleted. Throws AppError unavailable, not_found.
 */
export async function repairOrg(services: Services, orgId: string): Promise<Repaired> {
  const repaired: Repaired = {
    tasks: await repairQueue(services, orgId),
    jobs: await repairProjection(services, orgId),
    batches: (await services.results.forMachinery(orgId, (scope) => repairBatches(scope))).length,
  };
  if (repaired.tasks + repaired.jobs + repaired.batches > 0) {
    services.log.warn({ org_id: orgId, ...repaired }, "what differed was repaired");
    await services.results.forMachinery(orgId, ({ tx }) =>
      logEvents(tx, [
        {
          event_type: "error",
          entity_type: "organization",
          entity_id: orgId,
          status: "repaired",
          message: "queue, projection or counters did not say what is so",
          error_code: REPAIRED,
          context: repaired,
          service: "reconciler",
        },
      ]),
    );
  }
  return repaired;
}

/** Tells again of tasks that should be in the queue and are not. */
async function repairQueue({ metadata, results }: Services, orgId: string): Promise<number> {
  let after = FIRST;
  let told = 0;
  for (;;) {
    const open = await results.forMachinery(orgId, ({ tx }) => selectOpenTasks(tx, after));
    const last = open.at(-1);
    if (last === undefined) return told;
    after = last;
    const missing = await metadata.system((tx) => selectMissing(tx, orgId, open));
    if (missing.length > 0) {
      told += await results.forMachinery(orgId, async ({ tx }) => {
        const still = await lockUnchanged(tx, missing);
        await insertOutbox(
          tx,
          still.map((payload) => ({ topic: "task_ready" as const, payload })),
        );
        return still.length;
      });
      await results.relay(orgId);
    }
  }
}

/** Rewrites the projection where its jobs by status are not those of the results database, asked twice. */
async function repairProjection(services: Services, orgId: string): Promise<number> {
  if (!(await differs(services, orgId)) || !(await differs(services, orgId))) return 0;
  const { jobs_added, jobs_changed, jobs_removed } = await reindexOrg(services, orgId, null);
  return jobs_added + jobs_changed + jobs_removed;
}

/** Counted before and after the projection, and the same both times: what moves meanwhile is no difference. */
async function differs({ metadata, results }: Services, orgId: string): Promise<boolean> {
  const count = () => results.forMachinery(orgId, ({ tx }) => countJobs(tx));
  const before = await count();
  const projected = await metadata.system((tx) => countProjected(tx, orgId));
  const after = await count();
  return before !== null && after !== null && same(before, after) && !same(after, projected);
}

function same(a: Counts, b: Counts): boolean {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => a[key] === b[key]);
}
