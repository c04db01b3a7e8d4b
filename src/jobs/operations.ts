import { Type } from "typebox";
import { AppError } from "../errors.ts";
import { operation } from "../operation.ts";
import { PageInput, pageOf, pageWish } from "../paging.ts";
import { submitAgain } from "./again.ts";
import { cancelJob, retryJob } from "./change.ts";
import { JOB_STATUSES, JobDetail, JobRow, SubmittedJob, Uuid } from "./schema.ts";
import { selectJobParts, selectJobs, selectOptionalJob } from "./store.ts";

const OneJob = Type.Object({ job_id: Uuid }, { additionalProperties: false });
const Changed = Type.Object({ job_id: Uuid, status: Type.Enum(JOB_STATUSES) });

export const listJobs = operation({
  name: "job.list",
  summary: "Jobs that you may see, newest first",
  permission: "jobs:read",
  http: { method: "GET", path: "/jobs" },
  tx: "results",
  input: Type.Object(
    {
      status: Type.Optional(Type.Enum(JOB_STATUSES)),
      job_ids: Type.Optional(Type.Array(Uuid, { minItems: 1, maxItems: 1000 })),
      /** Parameters that the job was run with, each exactly so. */
      params: Type.Optional(
        Type.Record(
          Type.String(),
          Type.Union([Type.String({ maxLength: 500 }), Type.Number(), Type.Boolean(), Type.Null()]),
          { minProperties: 1, maxProperties: 20 },
        ),
      ),
      ...PageInput.properties,
    },
    { additionalProperties: false },
  ),
  output: Type.Object({ items: Type.Array(JobRow), next_cursor: Type.Union([Type.String(), Type.Null()]) }),
  async run({ scope }, input) {
    const { status, job_ids, params } = input;
    const wish = pageWish(input, { fallback: job_ids === undefined ? 50 : 1000 });
    const rows = await selectJobs(scope.tx, {
      ...wish,
      ...(status === undefined ? {} : { status }),
      ...(job_ids === undefined ? {} : { job_ids }),
      ...(params === undefined ? {} : { params }),
    });
    return pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.job_id }));
  },
});

export const showJob = operation({
  name: "job.show",
  summary: "One job with its tasks, inputs, outputs and events",
  permission: "jobs:read",
  http: { method: "GET", path: "/jobs/{job_id}" },
  tx: "results",
  input: OneJob,
  output: JobDetail,
  async run({ scope }, { job_id }) {
    const job = await selectOptionalJob(scope.tx, job_id);
    if (job === undefined) throw new AppError("not_found", "no such job");
    return { ...job, ...(await selectJobParts(scope.tx, job_id)) };
  },
});

export const cancelJobOperation = operation({
  name: "job.cancel",
  summary: "Cancel a job",
  permission: "jobs:manage",
  http: { method: "POST", path: "/jobs/{job_id}/cancel" },
  tx: "results",
  input: OneJob,
  output: Changed,
  run: ({ scope }, { job_id }) => cancelJob(scope, job_id),
  told: ({ job_id }) => ({ entity_type: "job", entity_id: job_id, job_id }),
});

export const retryJobOperation = operation({
  name: "job.retry",
  summary: "Run what failed of a job again",
  permission: "jobs:manage",
  http: { method: "POST", path: "/jobs/{job_id}/retry" },
  tx: "results",
  input: OneJob,
  output: Changed,
  run: ({ scope }, { job_id }) => retryJob(scope, job_id),
  told: ({ job_id }) => ({ entity_type: "job", entity_id: job_id, job_id }),
});

export const submitJobFrom = operation({
  name: "job.submit",
  summary: "A new job like another one",
  permission: "jobs:submit",
  http: { method: "POST", path: "/jobs" },
  tx: "results",
  input: Type.Object({ from: Uuid }, { additionalProperties: false }),
  output: SubmittedJob,
  run: ({ scope, principal }, { from }) => submitAgain(scope, principal, from),
  told: ({ from }, answer) => ({
    entity_type: "job",
    entity_id: answer.job_id,
    job_id: answer.job_id,
    metadata: { from },
  }),
});
