import { type Static, Type } from "typebox";

export const JOB_STATUSES = ["pending", "queued", "running", "completed", "failed", "cancelled"] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];
/** States that a job does not leave by itself. */
export const TERMINAL: readonly JobStatus[] = ["completed", "failed", "cancelled"];

export const TASK_STATUSES = ["waiting", "ready", "running", "completed", "failed", "cancelled"] as const;
export const VISIBILITIES = ["private", "organization"] as const;

/** The owner of a private thing; null where the organization may see it. */
export function privateTo({ visibility, owner_id }: { visibility: string; owner_id: string }): string | null {
  return visibility === "private" ? owner_id : null;
}

export const UUID_PATTERN = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
export const Uuid = Type.String({ pattern: UUID_PATTERN });

const Status = Type.Enum(JOB_STATUSES);

/** What may be chosen of any submission, whatever the engine. */
export const SUBMISSION_CHOICES = {
  visibility: Type.Optional(Type.Enum(VISIBILITIES)),
  priority: Type.Optional(Type.Integer({ minimum: 0, maximum: 9 })),
  /** False: run again even where a completed job asked the same. */
  reuse: Type.Optional(Type.Boolean()),
  /** refuse: one bad record refuses all; skip: it is listed and the rest go on. */
  on_reject: Type.Optional(Type.Enum(["refuse", "skip"] as const)),
  source_file: Type.Optional(Type.String({ maxLength: 500 })),
};

/** What a submission answers for each thing that was asked. */
export const SubmittedJob = Type.Object({
  job_id: Uuid,
  status: Status,
  /** True: a completed job that asked the same question; nothing new runs. */
  cached: Type.Boolean(),
});
export type SubmittedJob = Static<typeof SubmittedJob>;

export const JobRow = Type.Object({
  job_id: Uuid,
  pipeline: Type.String(),
  pipeline_version: Type.String(),
  /** What it computes; null where that is a structure without one, or not the asker's to see. */
  molecule_id: Type.Union([Uuid, Type.Null()]),
  smiles: Type.Union([Type.String(), Type.Null()]),
  /** What those of its owners whom the asker sees call it. */
  name: Type.Union([Type.String(), Type.Null()]),
  status: Status,
  params: Type.Unknown(),
  timings: Type.Unknown(),
  metrics: Type.Unknown(),
  error: Type.Unknown(),
  priority: Type.Integer(),
  batch_id: Type.Union([Uuid, Type.Null()]),
  owner_id: Uuid,
  visibility: Type.Enum(VISIBILITIES),
  created_at: Type.String(),
  updated_at: Type.String(),
});
export type JobRow = Static<typeof JobRow>;

export const JobEvent = Type.Object({
  job_id: Uuid,
  /** Dense from 1 within the job. */
  seq_no: Type.Integer({ minimum: 1 }),
  ts: Type.String(),
  event: Type.String(),
  detail: Type.Union([Type.String(), Type.Null()]),
  metadata: Type.Unknown(),
});
export type JobEvent = Static<typeof JobEvent>;

const Row = Type.Record(Type.String(), Type.Unknown());

export const JobDetail = Type.Intersect([
  JobRow,
  Type.Object({
    /** What its owner is called; null where the asker is told of nobody such. */
    owner: Type.Union([Type.String(), Type.Null()]),
    tasks: Type.Array(Row),
    inputs: Type.Array(Row),
    outputs: Type.Array(Row),
    events: Type.Array(Row),
    executions: Type.Array(Row),
    /** What its results stand under, task by task; a task that made none is left out. */
    protocols: Type.Array(
      Type.Object({
        task_name: Type.String(),
        protocol_id: Uuid,
        task: Type.String(),
        program: Type.String(),
        program_version: Type.String(),
      }),
    ),
  }),
]);
export type JobDetail = Static<typeof JobDetail>;
