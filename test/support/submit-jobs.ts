import type { ResultsScope } from "../../src/db/results.ts";
import { signed } from "../../src/jobs/question.ts";
import type { SubmittedJob } from "../../src/jobs/schema.ts";
import { type JobRequest, type Submission, submitJobs } from "../../src/jobs/submit.ts";
import { answeredBefore } from "../../src/result-cache/answered.ts";

const POLICY = { threshold: 0.8, ttl_days: null, programs: {} };

/** What a submission of requests does without chemistry: signs, asks which were answered, and births the rest. */
export async function submitRequested(
  scope: ResultsScope,
  submission: Submission,
  requests: JobRequest[],
): Promise<SubmittedJob[]> {
  const asked = signed(submission.pipeline.spec, requests);
  const questions = [...new Set(asked.map(({ input_signature }) => input_signature))];
  const answers = submission.reuse ? await answeredBefore(scope.tx, questions, submission, POLICY) : [];
  return submitJobs(scope, submission, asked, answers);
}
