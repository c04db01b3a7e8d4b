import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { type Command, InvalidArgumentError, Option } from "commander";
import { AppError } from "../errors.ts";
import {
  cancelJobOperation,
  listJobs,
  retryJobOperation,
  showJob,
  submitJobFrom,
} from "../jobs/operations.ts";
import { JOB_STATUSES, type JobDetail, type JobRow, type JobStatus, TERMINAL } from "../jobs/schema.ts";
import { perform } from "../perform.ts";
import { countWorkers } from "../queue/workers-store.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { finite, limit } from "./options.ts";
import { table } from "./out.ts";

const decompress = promisify(zstdDecompress);
const WATCH_MS = 500;

export function register(program: Command, cli: Cli): void {
  const job = program.command("job").description("runs of pipelines");
  job
    .command("list")
    .description("jobs that you may see, newest first")
    .addOption(new Option("--status <status>", "only these").choices([...JOB_STATUSES]))
    .option("--param <key=value>", "only those run with this parameter, as seed=42", param)
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async ({ param: params, ...options }: ListOptions) => {
      const { principal } = await cli.member();
      const page = await perform(await cli.context(), listJobs, principal, {
        ...options,
        ...(params === undefined ? {} : { params }),
      });
      cli.out.result(page, ({ items, next_cursor }) =>
        [
          jobTable(items, params !== undefined || options.status !== undefined),
          ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
        ].join("\n"),
      );
    });
  job
    .command("show <id>")
    .description("one job with its tasks, inputs, outputs and events")
    .action(async (id: string) => {
      const detail = await readJob(cli, id);
      const waits = await waitingFor(cli, detail);
      cli.out.result(waits === undefined ? detail : { ...detail, waiting_for: waits }, () =>
        describe(detail, waits),
      );
    });
  job
    .command("watch <id>")
    .description("follow a job's events until it ends")
    .action((id: string) => watch(cli, id));
  job
    .command("logs <id>")
    .description("what the program of a job printed in its last attempt")
    .action((id: string) => logs(cli, id));
  job
    .command("cancel <id>")
    .description("cancel a job; what runs is stopped")
    .action(async (id: string) => {
      const { principal } = await cli.member();
      const changed = await perform(await cli.context(), cancelJobOperation, principal, { job_id: id });
      cli.out.result(changed, ({ status }) => `job ${id} is ${status}`);
    });
  job
    .command("retry <id>")
    .description("run what failed of a job again")
    .action(async (id: string) => {
      const { principal } = await cli.member();
      const changed = await perform(await cli.context(), retryJobOperation, principal, { job_id: id });
      cli.out.result(changed, ({ status }) => `job ${id} is ${status} again`);
    });
  job
    .command("submit")
    .description("a new job with the recipe, input and parameters of another")
    .requiredOption("--from <job>", "the job to repeat")
    .action(async (options: { from: string }) => {
      const { principal } = await cli.member();
      const made = await perform(await cli.context(), submitJobFrom, principal, { from: options.from });
      cli.out.result({ batch_id: null, jobs: [made] }, () => `job ${made.job_id} is ${made.status}`);
    });
}

type Params = Record<string, string | number | boolean | null>;
type ListOptions = { status?: JobStatus; param?: Params; limit?: number; cursor?: string };

/** One more parameter: true, false, null and numbers as they are, anything else as text. */
function param(text: string, before: Params = {}): Params {
  const [, key = "", value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === "") throw new InvalidArgumentError("It must be KEY=VALUE.");
  const words: Params = { true: true, false: false, null: null };
  return {
    ...before,
    [key]: Object.hasOwn(words, value) ? (words[value] ?? null) : (finite(value) ?? value),
  };
}

async function readJob(cli: Cli, id: string): Promise<JobDetail> {
  const { principal } = await cli.member();
  return perform(await cli.context(), showJob, principal, { job_id: id });
}

function jobTable(items: JobRow[], isSearch: boolean): string {
  return table(
    ["job", "pipeline", "status", "created", "error"],
    items.map((row) => [
      row.job_id,
      row.pipeline,
      row.status,
      row.created_at.slice(0, 19),
      (row.error as { code?: string } | null)?.code ?? null,
    ]),
    isSearch ? "no job that you may see is so" : "no job yet: submit one with `aliquot xtb SMILES`",
  );
}

/** Says why a task that is ready does not run, where no worker alive has its engine. */
async function waitingFor(cli: Cli, detail: JobDetail): Promise<string | undefined> {
  const ready = detail.tasks.find((task) => task["status"] === "ready");
  if (ready === undefined) return undefined;
  const engine = String(ready["engine"]);
  if ((await countWorkers((await cli.context()).metadata, engine)) > 0) return undefined;
  return `a worker with ${engine}: none is running (\`aliquot worker\` starts one, \`aliquot doctor\` says whether ${engine} is installed)`;
}

function describe(detail: JobDetail, waits: string | undefined): string {
  const { tasks, outputs, events } = detail;
  const error = detail.error as { message?: string; code?: string } | null;
  return [
    `job ${detail.job_id}: ${detail.pipeline} ${detail.pipeline_version}, ${detail.status}`,
    ...(error === null ? [] : [`  ${error.message} (${error.code})`]),
    ...(waits === undefined ? [] : [`  waits for ${waits}`]),
    "",
    table(
      ["task", "engine", "status", "attempt"],
      tasks.map((task) => [
        text(task, "task_name"),
        text(task, "engine"),
        text(task, "status"),
        `${text(task, "attempt")} of ${text(task, "max_attempts")}`,
      ]),
    ),
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

type Row = Record<string, unknown>;

function text(row: Row, name: string): string {
  return String(row[name] ?? "");
}

function eventRow(event: Row): (string | number | null)[] {
  return [
    Number(event["seq_no"]),
    text(event, "ts").slice(0, 23),
    text(event, "event"),
    event["detail"] == null ? null : text(event, "detail"),
  ];
}

async function watch(cli: Cli, id: string): Promise<void> {
  let seen = 0;
  for (;;) {
    const detail = await readJob(cli, id);
    for (const event of detail.events.filter((row) => Number(row["seq_no"]) > seen)) {
      cli.out.line(event, (row) =>
        eventRow(row)
          .slice(1)
          .filter((cell) => cell !== null)
          .join("  "),
      );
      seen = Number(event["seq_no"]);
    }
    if (TERMINAL.includes(detail.status)) {
      if (detail.status !== "completed") throw new ExitWith(1);
      return;
    }
    await sleep(WATCH_MS);
  }
}

async function logs(cli: Cli, id: string): Promise<void> {
  const { org } = await cli.member();
  const detail = await readJob(cli, id);
  const last = detail.executions.findLast((row) => row["logs_uri"] != null);
  if (last === undefined) throw new AppError("not_found", `job ${id} has no log: it is ${detail.status}`);
  const bytes = await (await cli.context()).objects.get(org.org_id, String(last["logs_uri"]));
  const log = (await decompress(bytes)).toString("utf8");
  cli.out.result({ job_id: id, exec_id: last["exec_id"], attempt: last["attempt"], log }, () =>
    log.trimEnd(),
  );
}
