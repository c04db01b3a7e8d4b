import { Type } from "typebox";
import { Uuid } from "../jobs/schema.ts";
import { operation } from "../operation.ts";
import type { PreparedRequests } from "../requests/submit.ts";
import { queryCalculations } from "./query.ts";
import { Calculation, QueryCalculations, SubmitCalculations, SubmittedCalculations } from "./schema.ts";
import { selectCalculationsOfJobs } from "./store.ts";
import { prepareCalculations, submitCalculations } from "./submit.ts";

export const submitCalculationsOperation = operation<
  typeof SubmitCalculations,
  typeof SubmittedCalculations,
  PreparedRequests
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
  told: (input, answer) => ({
    entity_type: "job",
    metadata: {
      task: input.task,
      method: input.method ?? "gfn2",
      jobs: answer.jobs.filter((job) => !job.cached).length,
      reused: answer.jobs.filter((job) => job.cached).length,
      rejected: answer.rejected.length,
    },
  }),
});

export const listCalculationsOfJobs = operation({
  name: "calculation.of_jobs",
  summary: "Calculations of jobs",
  permission: "calculations:read",
  http: { method: "GET", path: "/calculations" },
  tx: "results",
  input: Type.Object(
    { job_ids: Type.Array(Uuid, { minItems: 1, maxItems: 1000 }) },
    { additionalProperties: false },
  ),
  output: Type.Object({ items: Type.Array(Calculation), next_cursor: Type.Null() }),
  async run({ scope }, { job_ids }) {
    return { items: await selectCalculationsOfJobs(scope.tx, job_ids), next_cursor: null };
  },
});

export const queryCalculationsOperation = operation({
  name: "calculation.query",
  summary: "Calculations, newest first, by molecule, protocol and ranges",
  permission: "calculations:read",
  http: { method: "GET", path: "/calculations/search" },
  tx: "results",
  input: QueryCalculations,
  output: Type.Object({
    items: Type.Array(Calculation),
    next_cursor: Type.Union([Type.String(), Type.Null()]),
  }),
  run: ({ scope }, input) => queryCalculations(scope.tx, input),
});
