import { type Static, Type } from "typebox";
import {
  CREATED_AT,
  count,
  flag,
  id,
  integer,
  list,
  nullable,
  number,
  OWNER,
  text,
  time,
  UPDATED_AT,
  UUID_PATTERN,
  word,
  words,
} from "../fields.ts";
import { JobError, JobExecution, JobId, JobInput, JobOutput, ResultProtocol, Task } from "./parts-schema.ts";

export { UUID_PATTERN } from "../fields.ts";
export { JobId, TASK_STATUSES } from "./parts-schema.ts";

export const JOB_STATUSES = ["pending", "queued", "running", "completed", "failed", "cancelled"] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];
/** States that a job does not leave by itself. */
export const TERMINAL: readonly JobStatus[] = ["completed", "failed", "cancelled"];

export const VISIBILITIES = ["private", "organization"] as const;

/** The owner of a private thing; null where the organization may see it. */
export function privateTo({ visibility, owner_id }: { visibility: string; owner_id: string }): string | null {
  return visibility === "private" ? owner_id : null;
}

export const Uuid = Type.String({ pattern: UUID_PATTERN, description: "Its id." });
export const Visibility = word(
  VISIBILITIES,
  "Who sees it: `organization` everybody in it, `private` its owner and the organization's admins.",
);
export const JobState = word(
  JOB_STATUSES,
  "How the job stands: `pending` its batch is paused, `queued` it waits for a worker, `running`; `completed`, `failed` and `cancelled` are ends.",
);
export const Priority = integer("1", "0 to 9, the higher the sooner, within the organization.", {
  minimum: 0,
  maximum: 9,
});

/** What may be chosen of any submission, whatever the engine. */
export const SUBMISSION_CHOICES = {
  visibility: Type.Optional(
    word(
      VISIBILITIES,
      "Who sees the jobs and what comes of them: `organization` (where left out), or `private`, you and its admins.",
    ),
  ),
  priority: Type.Optional(
    integer("1", "0 to 9, the higher the sooner, within the organization; 5 where left out.", {
      minimum: 0,
      maximum: 9,
    }),
  ),
  reuse: Type.Optional(
    flag(
      "False: compute it again even where a completed job asked the same. True, and where left out: that job answers.",
    ),
  ),
  on_reject: Type.Optional(
    word(
      ["refuse", "skip"],
      "What a record does that can't be computed: `refuse` (where left out) the whole request, or `skip`: it is listed and the others go on.",
    ),
  ),
  source_file: Type.Optional(
    words("Name of the file that the records are from; kept with them.", { maxLength: 500 }),
  ),
};

/** What a submission answers for each thing that was asked. */
export const SubmittedJob = Type.Object({
  job_id: JobId,
  status: JobState,
  cached: flag("True: a job that is completed already asked the same question, and nothing new runs."),
});
export type SubmittedJob = Static<typeof SubmittedJob>;

/** A job's place after a change. */
export const ChangedJob = Type.Object({ job_id: JobId, status: JobState });

const Timings = Type.Object({
  submitted_at: Type.Optional(time("When it was asked for.")),
  started_at: Type.Optional(time("When its first task began; the last time, where it was run again.")),
  ended_at: Type.Optional(time("When it was completed, failed or cancelled.")),
});

const TaskMetrics = Type.Object({
  wall_seconds: number("s", "Time that its program ran; 0 where the cache answered.", { minimum: 0 }),
  cpu_seconds: nullable(
    Type.Number({ unit: "s", minimum: 0 }),
    "CPU time of its program; null where it is not known.",
  ),
  outcome: Type.Optional(text("What came of it, in the engine's own word.")),
  cached: Type.Optional(flag("True: an earlier result answered it.")),
});
const Metrics = Type.Object(
  { retried: Type.Optional(count("How often somebody had the job run again.")) },
  { additionalProperties: TaskMetrics, description: "What its completed tasks took, by their names." },
);

export const JobRow = Type.Object({
  job_id: JobId,
  pipeline: text("Name of the pipeline that it runs."),
  pipeline_version: text("Version of that pipeline."),
  molecule_id: nullable(
    id(),
    "Molecule that it computes; null where that is a structure without one, or not yours to see.",
  ),
  smiles: nullable(text(), "Canonical SMILES of that molecule; null as that is, or where it has none."),
  name: nullable(text(), "What those of the molecule's owners whom you see call it."),
  status: JobState,
  params: Type.Record(Type.String(), Type.Unknown(), {
    description: "Parameters that it was run with, by name.",
  }),
  timings: Type.With(Timings, { description: "When it came how far; what has not come yet is absent." }),
  metrics: Metrics,
  error: nullable(JobError, "Why it failed; null where it did not."),
  priority: Priority,
  batch_id: nullable(id(), "Batch that it belongs to; null where it is of none."),
  owner_id: OWNER,
  visibility: Visibility,
  created_at: CREATED_AT,
  updated_at: UPDATED_AT,
});
export type JobRow = Static<typeof JobRow>;

export const JobEvent = Type.Object({
  job_id: JobId,
  seq_no: integer("1", "Its number: from 1 without a gap within the job.", { minimum: 1 }),
  ts: time("When it happened."),
  event: text("What happened, such as `started` or `task_completed`; docs/events.md lists them."),
  detail: nullable(text(), "More of it in words; null where there is no more to say."),
  metadata: Type.Record(Type.String(), Type.Unknown(), {
    description: "Task, attempt, code and the like, as docs/events.md says for each kind.",
  }),
});
export type JobEvent = Static<typeof JobEvent>;

export const JobDetail = Type.Object({
  ...JobRow.properties,
  owner: nullable(text(), "What its owner is called; null where you are told of nobody such."),
  tasks: list(Task, "Its tasks in the order of the graph."),
  inputs: list(JobInput, "What it was given, by name."),
  outputs: list(JobOutput, "Files that it left, by name."),
  events: list(
    Type.Object({ ...JobEvent.properties, created_at: CREATED_AT }),
    "What happened to it, in order.",
  ),
  executions: list(JobExecution, "Attempts at its tasks, oldest first."),
  protocols: list(
    ResultProtocol,
    "What its results stand under, task by task; a task that made none is left out.",
  ),
});
export type JobDetail = Static<typeof JobDetail>;
