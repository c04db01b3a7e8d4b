import { closed, list, MOST_IDS, pageOfItems, wholeList } from "../fields.ts";
import { JobId } from "../jobs/schema.ts";
import { operation } from "../operation.ts";
import type { PreparedRequests } from "../requests/submit.ts";
import { toldJobs } from "../requests/told-jobs.ts";
import { queryCalculations } from "./query.ts";
import { Calculation, QueryCalculations, SubmitCalculations, SubmittedCalculations } from "./schema.ts";
import { selectCalculationsOfJobs } from "./store.ts";
import { prepareCalculations, submitCalculations } from "./submit.ts";

export const submitCalculationsOperation = operation<
  typeof SubmitCalculations,
  typeof SubmittedCalculations,
  PreparedRequests,
  "calculation.submit"
>({
  name: "calculation.submit",
  summary: "Run xtb on molecules or structures: one job each",
  permission: "jobs:submit",
  http: { method: "POST", path: "/calculations" },
  tx: "results",
  input: SubmitCalculations,
  output: SubmittedCalculations,
  prepare: prepareCalculations,
  run: submitCalculations,
  auditFollows: true,
  told({ task, method = "gfn2" }, { jobs, rejected }) {
    const { job, metadata } = toldJobs(jobs);
    return {
      entity_type: "job",
      ...(job.job_id === undefined ? {} : { entity_id: job.job_id }),
      ...job,
      metadata: { task, method, ...metadata, rejected: rejected.length },
    };
  },
});

export const listCalculationsOfJobs = operation({
  name: "calculation.of_jobs",
  summary: "Calculations of the jobs that are named",
  permission: "calculations:read",
  http: { method: "POST", path: "/jobs/calculations", reads: true },
  tx: "results",
  input: closed({ job_ids: list(JobId, "The jobs.", { minItems: 1, maxItems: MOST_IDS }) }),
  output: wholeList(
    Calculation,
    "Calculations of those jobs that you may see, in the order of the jobs; jobs without one have none.",
  ),
  async run({ scope }, { job_ids }) {
    return { items: await selectCalculationsOfJobs(scope.tx, job_ids), next_cursor: null };
  },
});

export const queryCalculationsOperation = operation({
  name: "calculation.query",
  summary: "Calculations, newest first, by molecule, protocol and ranges; or those of jobs",
  permission: "calculations:read",
  http: { method: "GET", path: "/calculations" },
  tx: "results",
  input: QueryCalculations,
  output: pageOfItems(Calculation, "Calculations, newest first."),
  run: ({ scope }, input) => queryCalculations(scope.tx, input),
});
