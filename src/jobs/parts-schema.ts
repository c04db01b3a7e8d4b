import { Type } from "typebox";
import {
  CREATED_AT,
  count,
  id,
  integer,
  list,
  nullable,
  SHA256_PATTERN,
  text,
  time,
  UPDATED_AT,
  word,
} from "../fields.ts";

export const TASK_STATUSES = ["waiting", "ready", "running", "completed", "failed", "cancelled"] as const;

export const JobId = id("The job.");

export const JobError = Type.Object({
  code: text("Why: a kind of error, or a chemist's reason such as `scf_not_converged`."),
  kind: Type.Optional(nullable(text(), "Kind of the error; null where nobody said it.")),
  message: text("The same in words."),
  task: Type.Optional(text("The task of the graph that failed.")),
  fields: Type.Optional(
    list(
      Type.Object({
        path: Type.Optional(text("Where in the input.")),
        line: Type.Optional(integer("1", "Line of the input.")),
        rule: text("The rule that it broke."),
      }),
      "What of the input was wrong; empty where it was not the input.",
    ),
  ),
});

const TaskName = text("Name of the task in its pipeline's graph.");
const Signature = Type.String({ pattern: SHA256_PATTERN });

/** A row of `tasks`, with its place in the graph and what keeps it. */
export const Task = Type.Object({
  job_id: JobId,
  task_name: TaskName,
  status: word(
    TASK_STATUSES,
    "How the task stands: `waiting` for others of its job, `ready` for a worker, `running`, or ended.",
  ),
  engine: text("Engine that computes it."),
  attempt: count("Attempts that were begun."),
  max_attempts: integer("1", "Attempts at most.", { minimum: 1 }),
  fence: count("Number of the last claim by a worker; never goes down."),
  depends_left: count("Tasks that have to be completed before it."),
  available_at: time("Not tried before this: later after a failed attempt."),
  current_exec_id: nullable(id(), "The attempt that runs, or ran last; null before the first."),
  signature: nullable(Signature, "SHA-256 of all that decides its result; null until that is known."),
  after: list(text(), "Tasks that come before it."),
  next_attempt_at: nullable(time(), "When it may be tried again; null where nothing keeps it."),
  behind_job_id: nullable(
    id(),
    "Job that computes the identical task, for which it waits; null where it does not.",
  ),
  created_at: CREATED_AT,
  updated_at: UPDATED_AT,
});

const FILE = {
  uri: text("Where its bytes are."),
  content_type: text("Media type."),
  size_bytes: integer("B", "Bytes.", { minimum: 0 }),
  checksum: text("sha256: and 64 hex digits over the bytes."),
};

export const JobInput = Type.Object({
  job_id: JobId,
  key: text("Name of the input in the pipeline."),
  molecule_id: nullable(id(), "The molecule; null where it is none, or not yours to see."),
  structure_id: nullable(id(), "The structure; null where it is none, or not yours to see."),
  site_id: nullable(id(), "The binding site; null where it is none, or not yours to see."),
  uri: nullable(FILE.uri, "Where its bytes are; null where it is no file."),
  content_type: nullable(FILE.content_type, "Media type; null where it is no file."),
  size_bytes: nullable(FILE.size_bytes, "Bytes; null where it is no file."),
  checksum: nullable(FILE.checksum, "sha256: and 64 hex digits over the bytes; null where it is no file."),
  created_at: CREATED_AT,
});

export const JobOutput = Type.Object({
  job_id: JobId,
  key: Type.String({ description: "Task and file.", examples: ["dock/poses.sdf"] }),
  ...FILE,
  molecule_id: nullable(id(), "The molecule that it shows; null where it shows none, or not yours to see."),
  structure_id: nullable(
    id(),
    "The structure that was made of it; null where none was, or not yours to see.",
  ),
  created_at: CREATED_AT,
});

export const JobExecution = Type.Object({
  exec_id: id("The attempt."),
  job_id: JobId,
  task_name: TaskName,
  attempt: integer("1", "Its number, from 1.", { minimum: 1 }),
  retries: count("Attempts before it that failed."),
  fence: count("Number of the claim that began it."),
  status: word(
    ["running", "completed", "failed", "lost", "cancelled"],
    "What became of it; `lost` where its worker vanished.",
  ),
  worker_id: nullable(text(), "Worker that ran it; null where it was answered without one."),
  signature: nullable(
    Signature,
    "SHA-256 of all that decides its result; null where it is not known, or the cache was not to be used.",
  ),
  cached_from: nullable(id(), "Attempt whose results it took over; null where it computed its own."),
  cached_from_job_id: nullable(id(), "Job of that attempt."),
  cached_from_task_name: nullable(text(), "Task of that attempt."),
  error_kind: nullable(text(), "Kind of its error; null where it did not fail."),
  error: nullable(JobError, "Why it failed; null where it did not."),
  logs_uri: nullable(text(), "Where the program's output is; null where there is none."),
  wall_seconds: nullable(
    Type.Number({ unit: "s", minimum: 0 }),
    "Time that the program ran; null where it did not.",
  ),
  cpu_seconds: nullable(
    Type.Number({ unit: "s", minimum: 0 }),
    "CPU time of the program; null where it is not known.",
  ),
  private_to: nullable(id(), "Owner of a private job; null where the organization may see it."),
  started_at: time("When it began."),
  ended_at: nullable(time(), "When it ended; null while it runs."),
  created_at: CREATED_AT,
});

export const ResultProtocol = Type.Object({
  task_name: TaskName,
  protocol_id: id("Protocol that its results stand under."),
  task: text("Kind of task, such as `optimize` or `dock`."),
  program: text("Program that computed it."),
  program_version: text("Its version, as it states it."),
});
