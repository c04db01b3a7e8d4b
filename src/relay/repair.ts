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
  digestJobs,
  digestProjected,
  type JobMark,
  lockUnchanged,
  resetStuck,
  selectMarks,
  selectMissing,
  selectOpenTasks,
  selectProjectedMarks,
  selectSettled,
} from "./repair-store.ts";

/** What was not as it should be in one organization, and is now. */
export type Repaired = {
  /** Tasks that the queue had lost, or would have given to nobody for long. */
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

/** Tells again of tasks that should be in the queue and are not, and sets back those that nobody could claim. */
async function repairQueue({ metadata, results }: Services, orgId: string): Promise<number> {
  let after = FIRST;
  let told = 0;
  for (;;) {
    const open = await results.forMachinery(orgId, ({ tx }) => selectOpenTasks(tx, after));
    const last = open.at(-1);
    if (last === undefined) return told;
    after = last;
    told += await metadata.system((tx) => resetStuck(tx, orgId, open));
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

/**
 * Rewrites the projection where its jobs by status are not those of the results database, asked twice, or where one
 * of them that did not change for a minute is another there: that is seen also while jobs come and go.
 */
async function repairProjection(services: Services, orgId: string): Promise<number> {
  const counted = (await differs(services, orgId)) && (await differs(services, orgId));
  if (!counted && !(await differsByJob(services, orgId))) return 0;
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

/** Jobs in portions by their ids: two sums a portion, and only where these differ its jobs one by one. */
async function differsByJob({ metadata, results }: Services, orgId: string): Promise<boolean> {
  const settled = await results.forMachinery(orgId, ({ tx }) => selectSettled(tx));
  for (let after = FIRST.job_id; ; ) {
    const { last, ...ours } = await results.forMachinery(orgId, ({ tx }) => digestJobs(tx, after, settled));
    const theirs = await metadata.system((tx) => digestProjected(tx, orgId, { after, last, settled }));
    const equal = ours.count === theirs.count && ours.digest === theirs.digest;
    if (!equal && (await differsInPortion({ metadata, results }, orgId, [after, last]))) return true;
    if (last === null) return false;
    after = last;
  }
}

/** Whether a job of a portion is another in the projection, and stays so after all that is told was taken. */
async function differsInPortion(
  { metadata, results }: Pick<Services, "metadata" | "results">,
  orgId: string,
  [after, last]: [string, string | null],
): Promise<boolean> {
  const marks = async () => {
    const ours = await results.forMachinery(orgId, ({ tx }) => selectMarks(tx, after, last));
    const theirs = await metadata.system((tx) => selectProjectedMarks(tx, orgId, after, last));
    return different(ours, theirs);
  };
  const before = await marks();
  if (before.size === 0) return false;
  await results.relay(orgId);
  const still = await marks();
  // What moved between the two looks is on its way; what says the same twice is wrong.
  return [...still].some(([job, mark]) => before.get(job) === mark);
}

/** Jobs that are not the same on both sides, each with what both say of it. */
function different(ours: JobMark[], theirs: JobMark[]): Map<string, string> {
  const said = ({ seq, status }: JobMark) => `${seq} ${status}`;
  const [a, b] = [ours, theirs].map((marks) => new Map(marks.map((mark) => [mark.job_id, said(mark)])));
  const found = new Map<string, string>();
  for (const job of new Set([...(a?.keys() ?? []), ...(b?.keys() ?? [])]))
    if (a?.get(job) !== b?.get(job)) found.set(job, `${a?.get(job)}, ${b?.get(job)}`);
  return found;
}

function same(a: Counts, b: Counts): boolean {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => a[key] === b[key]);
}
