import type { OrgPrincipal } from "../access/principal.ts";
import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import { questionSigner } from "../jobs/question.ts";
import { submitJobs } from "../jobs/submit.ts";
import { LookOutside } from "../look-outside.ts";
import { allRefused } from "../molecules/identify.ts";
import type { RejectedRecord } from "../molecules/schema.ts";
import { answeredBefore } from "../result-cache/answered.ts";
import type { AnsweringJob } from "../result-cache/answered-store.ts";
import { forgetMissing } from "../result-cache/forget-missing.ts";
import { policyOf } from "../result-cache/policy.ts";
import type { Asker, CachePolicy } from "../result-cache/schema.ts";
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
  /** What each item asks, in order. */
  signatures: string[];
  /** Which completed jobs may answer. */
  policy: CachePolicy;
  /** Looks whether the files behind answers are there and takes out those that are not; done: it was looked. */
  files: { done: boolean; look(): Promise<void> };
};

/** What is chosen of a submission itself, whatever is computed. */
export type SubmissionChoices = { priority?: number; reuse?: boolean; source_file?: string };

/**
 * Chemistry of what a plan is run on, and what it asks; with no transaction open. Throws AppError as `prepareThings`
 * does, and bad_input where all were rejected: there would be no job.
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
  if (countThings(things) === 0) throw allRefused(rejected, rejected.length, things.pointerTo);
  const sign = questionSigner(plan.pipeline.spec);
  const signatures = itemsBefore(plan, things).map((item) => sign(requestOf(plan, item)));
  const files = {
    done: false,
    async look() {
      await forgetMissing(call, signatures);
      files.done = true;
    },
  };
  return { plan, things, rejected, signatures, policy, files };
}

/**
 * Registers what is new and births one job a thing, in the caller's transaction. Answers in order, each with what it
 * computes. Throws AppError quota, and LookOutside where a job that answers may have lost its files.
 */
export async function submitRequests(
  call: { scope: ResultsScope; principal: OrgPrincipal; prepared: PreparedRequests },
  { priority = 5, reuse = true, source_file }: SubmissionChoices,
): Promise<RequestedJob[]> {
  const { scope, principal, prepared } = call;
  const { plan, things, signatures } = prepared;
  const { pipeline, visibility } = plan;
  const owned = { owner_id: principal.user_id, visibility };
  const answers = reuse ? await answersTo(scope, owned, prepared) : [];
  const items = await makeItems(scope, { ...owned, source_file: source_file ?? null }, plan, things);
  const requests = items.map((item, index) => {
    const input_signature = signatures[index];
    // Two things under one empty signature would be one job.
    if (input_signature === undefined) throw new AppError("internal", "a thing to compute has no signature");
    return { ...requestOf(plan, item), input_signature };
  });
  const jobs = await submitJobs(scope, { ...owned, pipeline, priority, reuse }, requests, answers);
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

/** Most questions were never asked: only where one is answered is there a file to look for. */
async function answersTo(
  { tx }: ResultsScope,
  asker: Asker,
  { signatures, policy, files }: PreparedRequests,
): Promise<AnsweringJob[]> {
  const answers = await answeredBefore(tx, [...new Set(signatures)], asker, policy);
  if (answers.length > 0 && !files.done) throw new LookOutside(files.look);
  return answers;
}
