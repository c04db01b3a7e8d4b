import { Type } from "typebox";
import { inOrganization } from "../access/policy.ts";
import { AppError } from "../errors.ts";
import {
  ALWAYS_WHOLE,
  about,
  closed,
  flag,
  id,
  integer,
  list,
  MOST_IDS,
  MOST_IDS_IN_URL,
  pageOfItems,
  wholeList,
  word,
} from "../fields.ts";
import { operation } from "../operation.ts";
import { PageInput, pageOf, pageWish } from "../paging.ts";
import { Since, sinceTime } from "../since.ts";
import { submitAgain } from "./again.ts";
import { cancelJob, retryJob } from "./change.ts";
import { selectEventsAfter, selectJobs, selectStates } from "./read-store.ts";
import {
  ChangedJob,
  JOB_STATUSES,
  JobDetail,
  JobEvent,
  JobId,
  JobRow,
  Priority,
  SUBMISSION_CHOICES,
  SubmittedJob,
} from "./schema.ts";
import { showJob as readJob } from "./show.ts";

export { followJob } from "./follow.ts";

export * from "./logs-operation.ts";

const OneJob = closed({ job_id: JobId });

const JobQuery = closed({
  status: Type.Optional(word(JOB_STATUSES, "Only jobs that stand so.")),
  pipeline: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 200,
      description: "Only runs of the pipeline of this name.",
      examples: ["xtb"],
    }),
  ),
  batch_id: Type.Optional(id("Only jobs of this batch.")),
  since: Type.Optional(about(Since, "Made not before this: a day, or a time with its zone.")),
  mine: Type.Optional(flag("True: only jobs that you submitted.")),
  job_ids: Type.Optional(
    list(JobId, "Only these jobs, all on one page unless `limit` says otherwise; longer lists in parts.", {
      minItems: 1,
      maxItems: MOST_IDS_IN_URL,
    }),
  ),
  params: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Union([
        Type.String({ maxLength: 500 }),
        Type.Number({ unit: "1", minimum: -1e15, maximum: 1e15 }),
        Type.Boolean(),
        Type.Null(),
      ]),
      {
        minProperties: 1,
        maxProperties: 20,
        propertyNames: { maxLength: 100 },
        description: "Only jobs that were run with these parameters, each exactly so.",
        examples: [{ solvent: "water", seed: 42 }],
      },
    ),
  ),
  ...PageInput.properties,
});

export const listJobs = operation({
  name: "job.list",
  summary: "Jobs that you may see, newest first",
  permission: "jobs:read",
  http: { method: "GET", path: "/jobs" },
  tx: "results",
  input: JobQuery,
  output: pageOfItems(JobRow, "Jobs, newest first."),
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
  http: { method: "POST", path: "/jobs/states", reads: true },
  tx: "results",
  input: closed({ job_ids: list(JobId, "The jobs.", { minItems: 1, maxItems: MOST_IDS }) }),
  output: wholeList(ChangedJob, "Those of them that you may see, in the order of their ids."),
  run: async ({ scope }, { job_ids }) => ({
    items: await selectStates(scope.tx, job_ids),
    next_cursor: null,
  }),
});

export const jobEvents = operation({
  name: "job.events",
  summary: "What happened to jobs, each after the event that is known, and how they stand",
  permission: "jobs:read",
  http: { method: "POST", path: "/jobs/events", reads: true },
  tx: "results",
  input: closed({
    job_ids: list(JobId, "The jobs; all of them must be there to see.", { minItems: 1, maxItems: MOST_IDS }),
    after: Type.Optional(
      list(
        integer("1", "Number of an event.", { minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
        "Number (`seq_no`) of the last event that is known, job by job in the order of `job_ids`; where one is missing none is known.",
        { maxItems: MOST_IDS },
      ),
    ),
  }),
  output: Type.Object({
    jobs: list(ChangedJob, "How the jobs stand, in the order of their ids; read before the events were."),
    items: list(JobEvent, "What happened since, in order; the first 10,000 of it."),
    next_cursor: Type.Null({ description: ALWAYS_WHOLE }),
  }),
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
  output: ChangedJob,
  run: ({ scope }, { job_id }) => cancelJob(scope, job_id),
  told: ({ job_id }) => ({ entity_type: "job", entity_id: job_id, job_id }),
});

export const retryJobOperation = operation({
  name: "job.retry",
  summary: "Run what failed of a job again",
  permission: "jobs:manage",
  http: { method: "POST", path: "/jobs/{job_id}/retry" },
  tx: "results",
  input: closed({
    job_id: JobId,
    force: Type.Optional(
      flag("True: also where it would fail the same way again. Refused otherwise, and where left out."),
    ),
  }),
  output: ChangedJob,
  run: ({ scope }, { job_id, ...how }) => retryJob(scope, job_id, how),
  told: ({ job_id }) => ({ entity_type: "job", entity_id: job_id, job_id }),
});

export const submitJobFrom = operation({
  name: "job.submit",
  summary: "Submit a new job like another one",
  permission: "jobs:submit",
  http: { method: "POST", path: "/jobs" },
  tx: "results",
  input: closed({
    from: id("The job that it is to be like: same pipeline, inputs and parameters."),
    priority: Type.Optional(
      about(Priority, "0 to 9, the higher the sooner; that of the other job where left out."),
    ),
    reuse: SUBMISSION_CHOICES.reuse,
  }),
  output: SubmittedJob,
  run: ({ scope, principal }, { from, ...choices }) => submitAgain(scope, principal, from, choices),
  told: ({ from }, answer) => ({
    entity_type: "job",
    entity_id: answer.job_id,
    job_id: answer.job_id,
    metadata: { from },
  }),
});
