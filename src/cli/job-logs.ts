import { setTimeout as sleep } from "node:timers/promises";
import { LOG_MIB, type LogWish, noLog, runsAskedFor } from "../jobs/logs.ts";
import { jobEvents, jobLogs, showJob } from "../jobs/operations.ts";
import { type JobDetail, TERMINAL } from "../jobs/schema.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { Interrupted, onInterrupt } from "./interrupt.ts";
import { streamed } from "./stream.ts";
import { patiently } from "./wait.ts";

/** What just happened is looked for soon again; where nothing does, less and less often. */
const SOON_MS = 100;
const LATE_MS = 1000;

/** Of which attempts the log is wanted, and whether also of those to come. */
export type PrintWish = LogWish & { follow?: boolean };

/**
 * Prints what the program printed in the last attempt of a job, or in the one that is asked for; where they are
 * followed, in each attempt as it ends, until the job has ended: with 0 where it completed, else 1; with 130 on Ctrl-C.
 * Throws AppError not_found: there is no such attempt, or it printed nothing here because the cache answered it.
 */
export async function printLogs(cli: Cli, id: string, { follow, ...wish }: PrintWish): Promise<void> {
  if (follow === true) return followLogs(cli, id, wish);
  const shown = await cli.ask(jobLogs, { job_id: id, ...wish });
  cli.out.result(shown, ({ log }) => log.trimEnd());
  sayCut(cli, shown);
}

async function followLogs(cli: Cli, id: string, wish: LogWish): Promise<void> {
  using interrupted = onInterrupt(cli.out, "ending");
  const { signal } = interrupted;
  const printed = new Set<unknown>();
  /** Prints what is new; returns the job where it has ended. */
  const look = async (): Promise<JobDetail | undefined> => {
    const detail = await patiently(cli, () => cli.ask(showJob, { job_id: id }));
    await printFresh(cli, detail, wish, printed);
    return TERMINAL.includes(detail.status) ? detail : undefined;
  };
  let isFirst = true;
  for await (const _news of newsOf(cli, id, signal)) {
    const ended = await look();
    if (ended !== undefined) return endOf(cli, ended, wish, printed);
    if (isFirst && printed.size === 0) cli.out.say("no attempt has ended yet: waiting for the first one");
    isFirst = false;
  }
}

/**
 * Something whenever a job has events that were not known: an attempt ends with one, so where there is none, nothing
 * else is looked for. An API tells them by itself, as far as streams reach us; else they are asked for. Throws
 * Interrupted, AppError not_found.
 */
async function* newsOf(cli: Cli, job_id: string, signal: AbortSignal): AsyncGenerator<unknown, never> {
  let seen = 0;
  let streams = cli.isRemote;
  for (let pause = SOON_MS; ; pause = Math.min(LATE_MS, pause * 1.5)) {
    const { items } = await patiently(cli, () => cli.ask(jobEvents, { job_ids: [job_id], after: [seen] }));
    if (items.length > 0) {
      seen = Math.max(seen, ...items.map(({ seq_no }) => seq_no));
      pause = SOON_MS;
      yield items;
    }
    if (streams) {
      // Once: where it ends before the job did, the rest is asked for.
      streams = false;
      const how = { after: String(seen), signal };
      for await (const { seq_no } of streamed(await cli.there(), "job.follow", { job_id }, how)) {
        seen = Math.max(seen, seq_no);
        yield seq_no;
      }
    } else await sleep(pause, undefined, { signal }).catch(() => {});
    if (signal.aborted) throw new Interrupted();
  }
}

async function printFresh(
  cli: Cli,
  { job_id, executions }: JobDetail,
  wish: LogWish,
  printed: Set<unknown>,
): Promise<void> {
  for (const { exec_id, logs_uri, task_name: task, attempt } of runsAskedFor(executions, wish)) {
    if (logs_uri === null || printed.has(exec_id)) continue;
    printed.add(exec_id);
    const shown = await patiently(cli, () => cli.ask(jobLogs, { job_id, task, attempt }));
    cli.out.line(shown, ({ log }) => `==> ${task}, attempt ${attempt} <==\n${log.trimEnd()}`);
    sayCut(cli, shown);
  }
}

function sayCut(cli: Cli, { cut }: { cut: boolean }): void {
  if (cut) cli.out.say(`the program printed more than that: the first ${LOG_MIB} MiB are shown`);
}

/** What following ends with. A job that did not complete ends it with 1, also where it had no log: that is said. */
function endOf(cli: Cli, detail: JobDetail, wish: LogWish, printed: ReadonlySet<unknown>): void {
  const asked = runsAskedFor(detail.executions, wish);
  const isNone = asked.length === 0 && detail.executions.length > 0;
  if (printed.size === 0) {
    const none = noLog(detail, asked.at(-1));
    if (isNone || detail.status === "completed") throw none;
    cli.out.say(none.message);
  }
  if (detail.status !== "completed") throw new ExitWith(1);
}
