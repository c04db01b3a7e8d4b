import type { JobDetail } from "../jobs/schema.ts";
import { countWorkers } from "../queue/workers-store.ts";
import type { Cli } from "./cli.ts";
import { table } from "./out.ts";

type Row = Record<string, unknown>;
type Cell = string | number | null;

/** Says why a task that is ready does not run, where no worker alive has its engine. */
export async function waitingFor(cli: Cli, detail: JobDetail): Promise<string | undefined> {
  const ready = detail.tasks.find((task) => task["status"] === "ready" && task["behind_job_id"] === null);
  if (ready === undefined) return undefined;
  const engine = String(ready["engine"]);
  if ((await countWorkers((await cli.context()).metadata, engine)) > 0) return undefined;
  return aWorkerWith(engine);
}

/** What something waits for, where no worker alive has its engine. */
export function aWorkerWith(engine: string): string {
  return `a worker with ${engine}: none is running (\`aliquot worker\` starts one, \`aliquot doctor\` says whether ${engine} is installed)`;
}

export function describeJob(detail: JobDetail, waits: string | undefined): string {
  const { tasks, outputs, events, executions, batch_id } = detail;
  const error = detail.error as { message?: string; code?: string } | null;
  const { retried } = detail.metrics as { retried?: number };
  return [
    `job ${detail.job_id}: ${detail.pipeline} ${detail.pipeline_version}, ${detail.status}`,
    ...(error === null ? [] : [`  ${error.message} (${error.code})`]),
    ...(waits === undefined ? [] : [`  waits for ${waits}`]),
    ...(batch_id === null ? [] : [`  of batch ${batch_id}`]),
    ...(retried === undefined ? [] : [`  retried ${retried} ${retried === 1 ? "time" : "times"}`]),
    "",
    table(["task", "engine", "status", "attempt", ""], tasks.map(taskRow)),
    ...(executions.length === 0
      ? []
      : ["", table(["attempt of", "#", "status", "started", "s", ""], executions.map(executionRow))]),
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

function taskRow(task: Row): Cell[] {
  const attempt = `${text(task, "attempt")} of ${text(task, "max_attempts")}`;
  return [text(task, "task_name"), text(task, "engine"), text(task, "status"), attempt, holdOf(task)];
}

/** What keeps a task from running. */
function holdOf(task: Row): string | null {
  const after = task["after"] as string[];
  if (task["status"] === "waiting") return `after ${after.join(", ")}`;
  if (task["behind_job_id"] != null) return `the same runs in job ${text(task, "behind_job_id")}`;
  if (task["next_attempt_at"] != null) return `not before ${text(task, "next_attempt_at").slice(0, 19)}`;
  return null;
}

function executionRow(row: Row): Cell[] {
  const from = row["cached_from_job_id"];
  const error = row["error"] as { code?: string } | null;
  const cached = row["cached_from"] == null ? null : "from the cache";
  return [
    text(row, "task_name"),
    Number(row["attempt"]),
    text(row, "status"),
    text(row, "started_at").slice(0, 19),
    row["wall_seconds"] == null ? null : Math.round(Number(row["wall_seconds"]) * 10) / 10,
    from == null ? (error?.code ?? cached) : `from job ${String(from)}`,
  ];
}

/** An event's number, time, name and detail. */
export function eventRow(event: Row): Cell[] {
  const { task } = (event["metadata"] ?? {}) as { task?: string };
  const name = task === undefined ? text(event, "event") : `${text(event, "event")} ${task}`;
  return [
    Number(event["seq_no"]),
    text(event, "ts").slice(0, 23),
    name,
    event["detail"] == null ? null : text(event, "detail"),
  ];
}

function text(row: Row, name: string): string {
  return String(row[name] ?? "");
}
