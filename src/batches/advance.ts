import type { ResultsScope } from "../db/results.ts";
import { toAppError } from "../errors.ts";
import { logEvents } from "../events/log.ts";
import { countOpenTasks, selectNextRank } from "../jobs/births-store.ts";
import { privateTo } from "../jobs/schema.ts";
import { newTasks } from "../jobs/submit.ts";
import { insertOutbox } from "../outbox.ts";
import { answeredBefore } from "../result-cache/answered.ts";
import { forgetMissing } from "../result-cache/forget-missing.ts";
import { policyOf } from "../result-cache/policy.ts";
import type { CachePolicy } from "../result-cache/schema.ts";
import type { Services } from "../services.ts";
import { endBatch } from "./end.ts";
import { type Limits, placesForBatches, readLimits, WINDOW } from "./limits.ts";
import { selectCounts } from "./progress-store.ts";
import { type Batch, selectOptionalBatch, tryGate, updateBatch } from "./store.ts";
import { insertWindow, selectOpenBatches, selectQuestions, skipItems } from "./windows-store.ts";

/** Items of one transaction: small enough that the queue hears of the first while the next are made. */
const PORTION = 2500;
/** A window is refilled when this share of it is free: one job at a time would cost more than the job. */
const REFILL = 0.1;

/** What was done for an organization's batches. */
export type AdvanceReport = {
  /** Jobs that were made, and items that a completed job answered. */
  jobs: number;
  answered: number;
  /** Batches that ended. */
  ended: string[];
};

/** May be given for a test: fewer jobs at once. */
export type AdvanceSettings = { window?: number; portion?: number };

/**
 * Makes the next jobs of an organization's open batches and states the end of those whose items all ended.
 * Every transaction is whole and may be the last one; whoever calls it again goes on there, and where somebody
 * else is at a batch it is passed over. Throws AppError unavailable, not_found.
 */
export async function advanceBatches(
  services: Services,
  orgId: string,
  settings: AdvanceSettings = {},
): Promise<AdvanceReport> {
  const report: AdvanceReport = { jobs: 0, answered: 0, ended: [] };
  const open = await services.results.forMachinery(orgId, ({ tx }) => selectOpenBatches(tx));
  if (open.length === 0) return report;
  const limits = await readLimits(services, orgId);
  const policy = await policyOf(services, orgId);
  await services.results.touch(orgId);
  let telling = Promise.resolve();
  for (const batchId of open) {
    for (let more = true; more; ) {
      const before = report.jobs;
      await forgetBehind(services, orgId, batchId, { limits, policy, report, settings });
      more = await services.results.forMachinery(orgId, (scope) =>
        advance(scope, batchId, { limits, policy, report, settings }),
      );
      // Beside the next window; what is not told now is the reconciler's to tell.
      if (report.jobs > before) telling = services.results.relay(orgId).catch(() => {});
    }
  }
  await telling;
  return report;
}

/** The same after a request that was answered already: what goes wrong is said in the log, and done later. */
export async function advanceAfter(services: Services, orgId: string): Promise<void> {
  await advanceBatches(services, orgId).catch((error: unknown) => {
    services.log.warn({ err: toAppError(error).message, org_id: orgId }, "batches wait for the reconciler");
  });
}

type Round = { limits: Limits; policy: CachePolicy; report: AdvanceReport; settings: AdvanceSettings };

/** One transaction for one batch. Returns whether there is more to do for it at once. */
async function advance(scope: ResultsScope, batchId: string, round: Round): Promise<boolean> {
  const { tx } = scope;
  if (!(await tryGate(tx, batchId))) return false;
  const batch = await selectOptionalBatch(tx, batchId);
  if (batch === undefined) return false;
  const { next_item, total_items, sealed_at, status } = batch;
  const isOpen = status === "pending" || status === "in_progress";
  if (status === "cancelled" && next_item <= total_items) return leaveOut(scope, batch, round);
  if (isOpen && next_item <= total_items && round.limits.active) return openWindow(scope, batch, round);
  if (isOpen && next_item > total_items && sealed_at !== null && (await endBatch(tx, batch)))
    round.report.ended.push(batchId);
  return false;
}

/** Entries whose bytes are gone answer no item of the next window: looked for before its transaction. */
async function forgetBehind(services: Services, orgId: string, batchId: string, round: Round): Promise<void> {
  const asked = await services.results.forMachinery(orgId, async (scope) => {
    const batch = await selectOptionalBatch(scope.tx, batchId);
    if (batch === undefined || !batch.reuse || batch.next_item > batch.total_items) return undefined;
    if (batch.status !== "pending" && batch.status !== "in_progress") return undefined;
    const range = await nextRange(scope, batch, newTasks(batch.plan.pipeline.spec).length, round);
    if (range === null) return undefined;
    return { user_id: batch.owner_id, questions: await selectQuestions(scope.tx, batchId, range) };
  });
  if (asked === undefined) return;
  await forgetMissing({ services, principal: { org_id: orgId, user_id: asked.user_id } }, asked.questions);
}

/** Items that may get jobs now, the end not among them; null: none. */
async function nextRange(
  scope: ResultsScope,
  batch: Batch,
  tasksEach: number,
  round: Round,
): Promise<[number, number] | null> {
  const room = Math.min(await roomOf(scope, batch, tasksEach, round), round.settings.portion ?? PORTION);
  if (room === 0) return null;
  return [batch.next_item, Math.min(batch.next_item + room, batch.total_items + 1)];
}

async function leaveOut({ tx }: ResultsScope, batch: Batch, { settings }: Round): Promise<boolean> {
  const to = Math.min(batch.next_item + (settings.portion ?? PORTION), batch.total_items + 1);
  await skipItems(tx, batch.batch_id, [batch.next_item, to]);
  await updateBatch(tx, batch.batch_id, { next_item: to });
  return to <= batch.total_items;
}

async function openWindow(scope: ResultsScope, batch: Batch, round: Round): Promise<boolean> {
  const { tx } = scope;
  const { batch_id, plan } = batch;
  const tasks = newTasks(plan.pipeline.spec);
  const range = await nextRange(scope, batch, tasks.length, round);
  if (range === null) return false;
  const asker = { owner_id: batch.owner_id, visibility: plan.visibility };
  const questions = batch.reuse ? await selectQuestions(tx, batch_id, range) : [];
  const answers = await answeredBefore(tx, questions, asker, round.policy);
  const ready = tasks.filter((task) => task.status === "ready");
  const first_rank = await selectNextRank(tx, batch_id, ready[0]?.engine ?? "", batch.priority);
  const now = new Date().toISOString();
  const { job_ids, answered } = await insertWindow(tx, batch, range, first_rank, tasks, answers);
  round.report.answered += answered;
  await updateBatch(tx, batch_id, {
    next_item: range[1],
    status: "in_progress",
    ...(batch.started_at === null ? { started_at: now } : {}),
  });
  if (batch.started_at === null) await logEvents(tx, [startedEvent(batch)]);
  if (job_ids.length > 0)
    await insertOutbox(tx, [
      {
        topic: "births",
        payload: {
          pipeline_id: plan.pipeline.pipeline_id || null,
          pipeline_version_id: plan.pipeline.pipeline_version_id || null,
          submitted_by: batch.owner_id,
          status: "queued",
          priority: batch.priority,
          private_to: privateTo({ visibility: plan.visibility, owner_id: batch.owner_id }),
          created_at: now,
          first_rank,
          tasks: ready.map(({ task_name, engine }) => ({ task_name, engine })),
          job_ids,
        },
      },
    ]);
  round.report.jobs += job_ids.length;
  return true;
}

/** How many items may get a job now; 0 until a good part of the window is free. */
async function roomOf(
  scope: ResultsScope,
  batch: Batch,
  tasksEach: number,
  { settings }: Round,
): Promise<number> {
  const counts = (await selectCounts(scope.tx, [batch.batch_id])).get(batch.batch_id);
  const left = batch.total_items - batch.next_item + 1;
  const most = scope.queued_tasks === null ? null : placesForBatches(scope.queued_tasks);
  const quota =
    most === null ? left : Math.floor((most - (await countOpenTasks(scope.tx, most))) / tasksEach);
  const window = settings.window ?? WINDOW;
  const room = Math.max(0, Math.min(window - (counts?.processing ?? 0), quota));
  const worth = Math.min(
    left,
    Math.ceil(Math.min(window, most === null ? window : most / tasksEach) * REFILL),
  );
  return room >= worth ? room : 0;
}

function startedEvent({ batch_id, owner_id, plan, total_items }: Batch) {
  return {
    event_type: "batch_started" as const,
    entity_type: "batch",
    entity_id: batch_id,
    status: "in_progress",
    context: { pipeline: plan.pipeline.name, total_items },
    user_id: owner_id,
    private_to: privateTo({ visibility: plan.visibility, owner_id }),
  };
}
