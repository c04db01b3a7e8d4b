import { Type } from "typebox";
import { inOrganization } from "../access/policy.ts";
import { AppError } from "../errors.ts";
import { operation } from "../operation.ts";
import { PageInput, pageOf, pageWish } from "../paging.ts";
import { Since, sinceTime } from "../since.ts";
import { submitAgain } from "./again.ts";
import { cancelJob, retryJob } from "./change.ts";
import { selectEventsAfter, selectJobs, selectStates } from "./read-store.ts";
import {
  JOB_STATUSES,
  JobDetail,
  JobEvent,
  JobRow,
  SUBMISSION_CHOICES,
  SubmittedJob,
  Uuid,
} from "./schema.ts";
import { showJob as readJob } from "./show.ts";

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
      /** Name of the pipeline they run. */
      pipeline: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
      batch_id: Type.Optional(Uuid),
      /** Made at or after this. */
      since: Type.Optional(Since),
      /** Only those that you submitted. */
      mine: Type.Optional(Type.Boolean()),
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
  async run({ scope, principal }, { limit, cursor, mine, since, ...filter }) {
    const page = { ...(limit === undefined ? {} : { limit }), ...(cursor === undefined ? {} : { cursor }) };
    const wish = pageWish(page, { fallback: filter.job_ids === undefined ? 50 : 1000 });
    const rows = await selectJobs(scope.tx, {
      ...wish,
      ...filter,
      ...(since === undefined ? {} : { since: sinceTime(since) }),
      ...(mine === true ? { owner_id: principal.user_id } : {}),
    });
    return pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.job_id }));
  },
});

export const showJob = operation({
  name: "job.show",
  summary: "One job with its tasks, inputs, outputs and events",
  permission: "jobs:read",
  http: { method: "GET", path: "/jobs/{job_id}" },
  // Its owner's name is in the metadata database.
  tx: "own",
  input: OneJob,
  output: JobDetail,
  run: ({ services, principal }, { job_id }) => readJob(services, inOrganization(principal), job_id),
});

export const jobStates = operation({
  name: "job.states",
  summary: "How jobs stand, and nothing else of them; those that you may not see are left out",
  permission: "jobs:read",
  http: { method: "GET", path: "/job-states" },
  tx: "results",
  input: Type.Object(
    { job_ids: Type.Array(Uuid, { minItems: 1, maxItems: 1000 }) },
    { additionalProperties: false },
  ),
  output: Type.Object({ items: Type.Array(Changed), next_cursor: Type.Null() }),
  run: async ({ scope }, { job_ids }) => ({
    items: await selectStates(scope.tx, job_ids),
    next_cursor: null,
  }),
});

export const jobEvents = operation({
  name: "job.events",
  summary: "What happened to jobs, each after the event that is known, and how they stand",
  permission: "jobs:read",
  http: { method: "GET", path: "/job-events" },
  tx: "results",
  input: Type.Object(
    {
      job_ids: Type.Array(Uuid, { minItems: 1, maxItems: 1000 }),
      /** Number of the last event that is known, job by job; left out: none is. */
      after: Type.Optional(Type.Array(Type.Integer({ minimum: 0 }), { maxItems: 1000 })),
    },
    { additionalProperties: false },
  ),
  output: Type.Object({ jobs: Type.Array(Changed), items: Type.Array(JobEvent), next_cursor: Type.Null() }),
  async run({ scope }, { job_ids, after = [] }) {
    // States first: whatever led to one is among the events that are read after it.
    const jobs = await selectStates(scope.tx, job_ids);
    if (jobs.length < new Set(job_ids.map((id) => id.toLowerCase())).size)
      throw new AppError(
        "not_found",
        job_ids.length === 1 ? "no such job" : "one of these jobs is not there",
      );
    const items = await selectEventsAfter(
      scope.tx,
      job_ids,
      job_ids.map((_, index) => after[index] ?? 0),
    );
    return { jobs, items, next_cursor: null };
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
  input: Type.Object(
    /** Also one that would fail the same way again. */
    { job_id: Uuid, force: Type.Optional(Type.Boolean()) },
    { additionalProperties: false },
  ),
  output: Changed,
  run: ({ scope }, { job_id, ...how }) => retryJob(scope, job_id, how),
  told: ({ job_id }) => ({ entity_type: "job", entity_id: job_id, job_id }),
});

export const submitJobFrom = operation({
  name: "job.submit",
  summary: "A new job like another one",
  permission: "jobs:submit",
  http: { method: "POST", path: "/jobs" },
  tx: "results",
  input: Type.Object(
    {
      from: Uuid,
      /** 0 to 9; left out: as that one has it. */
      priority: SUBMISSION_CHOICES.priority,
      /** False: computed anew, whatever the cache knows. */
      reuse: SUBMISSION_CHOICES.reuse,
    },
    { additionalProperties: false },
  ),
  output: SubmittedJob,
  run: ({ scope, principal }, { from, ...choices }) => submitAgain(scope, principal, from, choices),
  told: ({ from }, answer) => ({
    entity_type: "job",
    entity_id: answer.job_id,
    job_id: answer.job_id,
    metadata: { from },
  }),
});
