import { inWords } from "../in-words.ts";
import { type JobDetail, TERMINAL } from "../jobs/schema.ts";
import type { Cli } from "./cli.ts";
import { fixed, table, time, timeToMs } from "./out.ts";
import { withoutWorker } from "./wait.ts";

type Row = Record<string, unknown>;
type Cell = string | number | null;

/** Says why a task that is ready does not run, where no worker alive has its engine. */
export async function waitingFor(cli: Cli, detail: JobDetail): Promise<string | undefined> {
  const ready = detail.tasks.find((task) => task["status"] === "ready" && task["behind_job_id"] === null);
  if (ready === undefined) return undefined;
  const engine = await withoutWorker(cli, [String(ready["engine"])]);
  return engine === undefined ? undefined : aWorkerWith(engine);
}

/** What something waits for, where no worker alive has its engine. */
export function aWorkerWith(engine: string): string {
  return `a worker with ${engine}: none is running (\`aliquot worker\` starts one, \`aliquot doctor\` says whether ${engine} is installed)`;
}

/** Everything of a job. */
export function describeJob(detail: JobDetail, waits: string | undefined): string {
  const { tasks, outputs, events, executions } = detail;
  const error = detail.error as { message?: string; code?: string } | null;
  const attempts = executions.map((row) => executionRow(row, putBackAs(row, events)));
  return [
    `job ${detail.job_id}: ${detail.pipeline} ${detail.pipeline_version}, ${detail.status}`,
    ...(error === null ? [] : [`  ${error.message} (${error.code})`]),
    ...(waits === undefined ? [] : [`  waits for ${waits}`]),
    ...facts(detail).map(([name, value]) => `  ${name.padEnd(9)}  ${value}`),
    "",
    table(["task", "engine", "status", "attempt", ""], tasks.map(taskRow)),
    ...(executions.length === 0
      ? []
      : ["", table(["attempt of", "#", "status", "started", "s", ""], attempts)]),
    "",
    table(
      ["output", "bytes", "type"],
      outputs.map((row) => [text(row, "key"), Number(row["size_bytes"]), text(row, "content_type")]),
      "no outputs",
    ),
    "",
    table(["#", "when", "event", "detail"], events.map(eventRow)),
  ].join("\n");
}

/** What a job is of, with what, whose and when, line by line. */
function facts(detail: JobDetail): [name: string, value: string][] {
  const { molecule_id, name, smiles, batch_id, owner, owner_id, visibility, protocols } = detail;
  const { retried } = detail.metrics as { retried?: number };
  const { submitted_at = detail.created_at, started_at, ended_at } = detail.timings as Times;
  // The pipeline says the task.
  const { task: _task, ...asked } = detail.params as Record<string, unknown>;
  const params = inWords(Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== null)));
  const { status } = detail;
  // Of a job that was retried, times of before are still there.
  const waits = status === "pending" || status === "queued";
  const stages = [
    `submitted ${time(submitted_at)}`,
    ...(started_at === undefined || waits ? [] : [`started ${time(started_at)}`]),
    ...(ended_at === undefined || !TERMINAL.includes(status) ? [] : [`ended ${time(ended_at)}`]),
  ];
  return [
    ...lines(
      "molecule",
      molecule_id && [name, smiles, molecule_id].filter((part) => part !== null).join("  "),
    ),
    ...lines("with", params),
    ...protocols.flatMap((row) =>
      lines("protocol", `${row.protocol_id} (${row.task_name}: ${row.program} ${row.program_version})`),
    ),
    ...lines("owner", `${owner ?? owner_id}${visibility === "private" ? ", private" : ""}`),
    ...lines("when", stages.join(", ")),
    ...lines("batch", batch_id),
    ...lines("retried", retried === undefined ? null : `${retried} ${retried === 1 ? "time" : "times"}`),
  ];
}

type Times = { submitted_at?: string; started_at?: string; ended_at?: string };

function lines(name: string, value: string | null): [string, string][] {
  return value === null ? [] : [[name, value]];
}

/** An attempt that ended by no fault of its task and is not held against it: in words, else null. */
function putBackAs(execution: Row, events: Row[]): string | null {
  const words: Record<string, string> = { given_back: "given back", waits: "put off" };
  const of = events.find(({ event, metadata }) => {
    const { task, attempt } = (metadata ?? {}) as { task?: string; attempt?: number };
    const isOf = task === execution["task_name"] && attempt === execution["attempt"];
    return isOf && Object.hasOwn(words, String(event));
  });
  return of === undefined ? null : (words[String(of["event"])] ?? null);
}

function taskRow(task: Row): Cell[] {
  const attempt = `${text(task, "attempt")} of ${text(task, "max_attempts")}`;
  return [text(task, "task_name"), text(task, "engine"), text(task, "status"), attempt, holdOf(task)];
}

/** What keeps a task from running. */
function holdOf(task: Row): string | null {
  const after = task["after"] as string[];
  if (task["status"] === "waiting") return `after ${after.join(", ")}`;
  if (task["behind_job_id"] != null) return `the same runs in job ${text(task, "behind_job_id")}`;
  if (task["next_attempt_at"] != null) return `not before ${time(text(task, "next_attempt_at"))}`;
  return null;
}

function executionRow(row: Row, putBack: string | null): Cell[] {
  const from = row["cached_from_job_id"];
  const error = row["error"] as { code?: string } | null;
  const cached = row["cached_from"] == null ? null : "from the cache";
  return [
    text(row, "task_name"),
    Number(row["attempt"]),
    putBack ?? text(row, "status"),
    time(text(row, "started_at")),
    row["wall_seconds"] == null ? null : fixed(Number(row["wall_seconds"]), 2),
    from == null ? (error?.code ?? cached) : `from job ${String(from)}`,
  ];
}

/** An event's number, time, name and detail. */
export function eventRow(event: Row): Cell[] {
  const { task } = (event["metadata"] ?? {}) as { task?: string };
  const name = task === undefined ? text(event, "event") : `${text(event, "event")} ${task}`;
  return [
    Number(event["seq_no"]),
    timeToMs(text(event, "ts")),
    name,
    event["detail"] == null ? null : text(event, "detail"),
  ];
}

function text(row: Row, name: string): string {
  return String(row[name] ?? "");
}
