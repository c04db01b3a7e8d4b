import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { zstdDecompress } from "node:zlib";
import { AppError } from "../errors.ts";
import { jobEvents, showJob } from "../jobs/operations.ts";
import { type JobDetail, TERMINAL } from "../jobs/schema.ts";
import { perform } from "../perform.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { Interrupted, onInterrupt } from "./interrupt.ts";
import { patiently } from "./wait.ts";

const decompress = promisify(zstdDecompress);
/** What just happened is looked for soon again; where nothing does, less and less often. */
const SOON_MS = 100;
const LATE_MS = 1000;

/** Of which attempts the log is wanted, and whether also of those to come. */
export type LogWish = { task?: string; attempt?: number; follow?: boolean };

type Row = Record<string, unknown>;

/**
 * Prints what the program printed in the last attempt of a job, or in the one that is asked for; where they are
 * followed, in each attempt as it ends, until the job has ended: with 0 where it completed, else 1; with 130 on Ctrl-C.
 * Throws AppError not_found: there is no such attempt, or it printed nothing here because the cache answered it.
 */
export async function printLogs(cli: Cli, id: string, wish: LogWish): Promise<void> {
  if (wish.follow === true) return followLogs(cli, id, wish);
  const detail = await readJob(cli, id);
  const asked = askedOf(detail, wish);
  const last = asked.findLast((row) => row["logs_uri"] != null);
  if (last === undefined) throw noLog(id, detail, asked.at(-1));
  const shown = await logOf(cli, id, last);
  cli.out.result(shown, ({ log }) => log.trimEnd());
}

async function followLogs(cli: Cli, id: string, wish: LogWish): Promise<void> {
  using interrupted = onInterrupt(cli.out, "ending");
  const { signal } = interrupted;
  const { principal } = await cli.member();
  const context = await cli.context();
  const printed = new Set<unknown>();
  let seen = 0;
  for (let pause = SOON_MS; ; pause = Math.min(LATE_MS, pause * 1.5)) {
    await sleep(seen === 0 ? 0 : pause, undefined, { signal }).catch(() => {});
    if (signal.aborted) throw new Interrupted();
    const { items } = await patiently(cli, context, () =>
      perform(context, jobEvents, principal, { job_ids: [id], after: [seen] }),
    );
    // An attempt ends with an event: where there is none, nothing else is looked for.
    if (items.length === 0) continue;
    const isFirst = seen === 0;
    seen = Math.max(seen, ...items.map(({ seq_no }) => seq_no));
    pause = SOON_MS;
    const detail = await patiently(cli, context, () => readJob(cli, id));
    await printFresh(cli, detail, wish, printed);
    if (TERMINAL.includes(detail.status)) return endOf(cli, detail, wish, printed);
    if (isFirst && printed.size === 0) cli.out.say("no attempt has ended yet: waiting for the first one");
  }
}

async function printFresh(cli: Cli, detail: JobDetail, wish: LogWish, printed: Set<unknown>): Promise<void> {
  for (const row of askedOf(detail, wish)) {
    if (row["logs_uri"] == null || printed.has(row["exec_id"])) continue;
    printed.add(row["exec_id"]);
    cli.out.line(
      await logOf(cli, detail.job_id, row),
      ({ task_name, attempt, log }) => `==> ${task_name}, attempt ${attempt} <==\n${log.trimEnd()}`,
    );
  }
}

/** What following ends with. A job that did not complete ends it with 1, also where it had no log: that is said. */
function endOf(cli: Cli, detail: JobDetail, wish: LogWish, printed: ReadonlySet<unknown>): void {
  const asked = askedOf(detail, wish);
  const isNone = asked.length === 0 && detail.executions.length > 0;
  if (printed.size === 0) {
    const none = noLog(detail.job_id, detail, asked.at(-1));
    if (isNone || detail.status === "completed") throw none;
    cli.out.say(none.message);
  }
  if (detail.status !== "completed") throw new ExitWith(1);
}

async function readJob(cli: Cli, job_id: string): Promise<JobDetail> {
  const { principal } = await cli.member();
  return perform(await cli.context(), showJob, principal, { job_id });
}

function askedOf({ executions }: JobDetail, { task, attempt }: LogWish): Row[] {
  return executions.filter(
    (row) =>
      (task === undefined || row["task_name"] === task) &&
      (attempt === undefined || row["attempt"] === attempt),
  );
}

async function logOf(cli: Cli, job_id: string, row: Row) {
  const { org } = await cli.member();
  const bytes = await (await cli.context()).objects.get(org.org_id, String(row["logs_uri"]));
  const log = (await decompress(bytes)).toString("utf8");
  const { exec_id, task_name, attempt } = row;
  return { job_id, task_name, exec_id, attempt, log };
}

/** Attempts by task, as `dock 1, 2; refine 1`. */
function attemptsOf(executions: Row[]): string {
  const tasks = Map.groupBy(executions, (row) => String(row["task_name"]));
  return [...tasks]
    .map(([task, rows]) => `${task} ${rows.map((row) => String(row["attempt"])).join(", ")}`)
    .join("; ");
}

function noLog(
  id: string,
  { status, executions }: { status: string; executions: Row[] },
  last: Record<string, unknown> | undefined,
): AppError {
  const from = last?.["cached_from_job_id"];
  if (from != null)
    return new AppError(
      "not_found",
      `job ${id} ran nothing: job ${String(from)} answered it (\`aliquot job logs ${String(from)}\`)`,
    );
  if (last?.["status"] === "running")
    return new AppError(
      "not_found",
      `job ${id} has no log yet: the program runs, and its log comes when it ends`,
    );
  if (last === undefined && executions.length > 0)
    return new AppError("not_found", `job ${id} has no such attempt: it has ${attemptsOf(executions)}`);
  return new AppError("not_found", `job ${id} has no log: it is ${status}`);
}
