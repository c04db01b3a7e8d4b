import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsScope } from "../db/results.ts";
import { questionSigner } from "../jobs/question.ts";
import { submitJobs } from "../jobs/submit.ts";
import { allRefused } from "../molecules/identify.ts";
import type { RejectedRecord } from "../molecules/schema.ts";
import { forgetMissing } from "../result-cache/forget-missing.ts";
import { policyOf } from "../result-cache/policy.ts";
import type { CachePolicy } from "../result-cache/schema.ts";
import { itemsBefore, makeItems, requestOf } from "./items.ts";
import type { Call, RequestPlan } from "./rules.ts";
import type { RequestedJob, Things } from "./schema.ts";
import { selectShared } from "./shared-store.ts";
import { countThings, type PreparedThings, prepareThings } from "./things.ts";

/** What was found out before the transaction: chemistry of the things, what they share, and what may answer them. */
export type PreparedRequests = {
  plan: RequestPlan;
  things: PreparedThings;
  rejected: RejectedRecord[];
  policy: CachePolicy;
};

/** What is chosen of a submission itself, whatever is computed. */
export type SubmissionChoices = { priority?: number; reuse?: boolean; source_file?: string };

/**
 * Chemistry of what a plan is run on, and a look whether the files of what would answer are there; with no transaction
 * open. Throws AppError as `prepareThings` does, and bad_input where all were rejected: there would be no job.
 */
export async function prepareRequests(
  call: Call,
  plan: RequestPlan,
  input: Things & SubmissionChoices,
): Promise<PreparedRequests> {
  const [things, policy] = await Promise.all([
    prepareThings(call, plan, input),
    policyOf(call.services, call.principal.org_id),
  ]);
  const rejected = [...things.rejected, ...things.refused];
  if (countThings(things) === 0) throw allRefused(rejected, rejected.length);
  const sign = questionSigner(plan.pipeline.spec);
  const questions = () => itemsBefore(plan, things).map((item) => sign(requestOf(plan, item)));
  if (input.reuse !== false) await forgetMissing(call, questions());
  return { plan, things, rejected, policy };
}

/**
 * Registers what is new and births one job a thing, in the caller's transaction. Answers in order, each with what it
 * computes. Throws AppError quota.
 */
export async function submitRequests(
  call: { scope: ResultsScope; principal: OrgPrincipal; prepared: PreparedRequests },
  { priority = 5, reuse = true, source_file }: SubmissionChoices,
): Promise<RequestedJob[]> {
  const { scope, principal, prepared } = call;
  const { plan, things, policy } = prepared;
  const { pipeline, visibility } = plan;
  const owned = { owner_id: principal.user_id, visibility };
  const items = await makeItems(scope, { ...owned, source_file: source_file ?? null }, plan, things);
  const submission = { ...owned, pipeline, priority, reuse, policy };
  const requests = items.map((item) => requestOf(plan, item));
  const jobs = await submitJobs(scope, submission, requests);
  const cached = jobs.flatMap(({ job_id, cached }) => (cached ? [job_id] : []));
  const shared = visibility === "private" ? await selectShared(scope.tx, cached) : new Set(cached);
  return items.flatMap(({ input, name, smiles, source_row, isomer }, index): RequestedJob[] => {
    const job = jobs[index];
    if (job === undefined) return [];
    const { molecule_id, structure_id } = input;
    const sees = shared.has(job.job_id) ? "organization" : visibility;
    return [{ ...job, molecule_id, structure_id, smiles, name, line: source_row, isomer, visibility: sees }];
  });
}
