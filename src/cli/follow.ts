import { type JobRow, TERMINAL } from "../jobs/schema.ts";
import type { RejectedRecord } from "../molecules/schema.ts";
import type { RequestedJob } from "../requests/schema.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { inFlags } from "./in-flags.ts";
import { INTERRUPTED, Interrupted } from "./interrupt.ts";
import { aWorkerWith } from "./job-show.ts";
import { short, table } from "./out.ts";
import { waitForJobs, withoutWorker } from "./wait.ts";

/** What a submission answered, whatever it submits. */
export type Submitted = { jobs: RequestedJob[]; rejected: RejectedRecord[] };

/** How a submission is followed. */
export type Following<A, R> = {
  wait: boolean;
  /** Of its tasks. */
  engines: readonly string[];
  /** It was asked for privately. */
  isPrivate: boolean;
  read: (jobIds: string[]) => Promise<R[]>;
  describe: (jobs: JobRow[], results: R[], answer: A) => string;
};

/** Of more jobs than this the ids are in `--json` and in lists. */
const LISTED = 20;

/**
 * Prints a submission, or waits for its jobs first and prints their results too; what was left out is said before.
 * Ends with 1 where one did not complete (results are printed all the same), and with 130 on
 * Ctrl-C (jobs go on).
 */
export async function follow<A extends Submitted, R>(
  cli: Cli,
  answer: A,
  { wait, engines, isPrivate, read, describe }: Following<A, R>,
): Promise<void> {
  const { jobs, rejected } = answer;
  if (!wait) {
    const runs = jobs.some(({ cached }) => !cached);
    const idle = runs ? await withoutWorker(cli, engines) : undefined;
    cli.out.result(answer, () => describeSubmission(answer, { idle, isPrivate, isRemote: cli.isRemote }));
    return;
  }
  const ids = [...new Set(jobs.map((job) => job.job_id))];
  for (const line of [...leftOut(rejected), ...seenByAll(jobs, isPrivate)]) cli.out.say(line);
  try {
    const ended = await waitForJobs(cli, ids, ...engines);
    const results = await read(ids);
    const byId = new Map(ended.map((job) => [job.job_id, job]));
    const done = jobs.map((job) => withEnd(job, byId.get(job.job_id)));
    cli.out.result({ ...answer, jobs: done, results }, () => describe(ended, results, answer));
    if (ended.some((job) => job.status !== "completed")) throw new ExitWith(1);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    cli.out.result({ ...answer, results: [] }, () => "");
    cli.out.say("interrupted: the jobs go on wherever a worker runs; `aliquot job watch` follows them");
    throw new ExitWith(INTERRUPTED);
  }
}

/** A job as it ended, with its error where it has one. */
function withEnd(job: RequestedJob, ended: JobRow | undefined): RequestedJob & { error?: unknown } {
  if (ended === undefined) return job;
  return { ...job, status: ended.status, ...(ended.error === null ? {} : { error: ended.error }) };
}

function leftOut(rejected: RejectedRecord[]): string[] {
  return rejected.map(({ line, message }) => `line ${line} was left out: ${inFlags(message)}`);
}

/** What was asked for privately may be answered by what the organization has computed already. */
function seenByAll(jobs: RequestedJob[], isPrivate: boolean): string[] {
  const count = jobs.filter(({ visibility }) => isPrivate && visibility === "organization").length;
  if (count === 0) return [];
  const who = "the organization's own jobs, which everybody there sees (and nobody that you asked)";
  return [`${count} answered by ${who}: --no-cache computes a private one`];
}

/** A submission that is not waited for; `idle` is an engine that no worker alive has. */
export function describeSubmission(
  { jobs, rejected }: Submitted,
  { idle, isPrivate, isRemote }: { idle: string | undefined; isPrivate: boolean; isRemote: boolean },
): string {
  const fresh = jobs.filter((job) => !job.cached).length;
  const distinct = Map.groupBy(jobs, (job) => job.job_id);
  const several =
    distinct.size === jobs.length
      ? `${jobs.length} jobs`
      : `${distinct.size} jobs for ${jobs.length} records: some are the same`;
  const lines =
    distinct.size === 1
      ? jobs.slice(0, 1).map(({ job_id, status }) => `job ${job_id} is ${status}`)
      : [several, listOf(distinct)];
  if (fresh < jobs.length)
    lines.push(
      `${jobs.length - fresh} answered from completed jobs that asked the same: --wait prints results`,
    );
  lines.push(...seenByAll(jobs, isPrivate), ...leftOut(rejected));
  const it = new Set(jobs.flatMap(({ job_id, cached }) => (cached ? [] : [job_id]))).size === 1;
  if (fresh > 0 && idle !== undefined)
    lines.push(
      `${it ? "it waits" : "they wait"} for ${aWorkerWith(idle)}; --wait ${isRemote ? "waits for" : "runs"} ${it ? "it" : "them"}${isRemote ? "" : " in this command"}`,
    );
  else if (fresh > 0)
    lines.push(`a worker takes ${it ? "it" : "them"}: \`aliquot job watch\` follows, --wait waits`);
  return lines.join("\n");
}

function listOf(distinct: Map<string, RequestedJob[]>): string {
  const rows = [...distinct].slice(0, LISTED).map(([job_id, asked]) => {
    const [first] = asked;
    return [job_id, first?.status ?? "", linesOf(asked), first === undefined ? "" : nameOf(first)];
  });
  const more = distinct.size - rows.length;
  return [
    table(["job", "status", "line", "molecule"], rows),
    ...(more === 0 ? [] : [`… and ${more} more: --json prints them all`]),
  ].join("\n");
}

const linesOf = (asked: RequestedJob[]) =>
  asked.length === 0 || asked.some(({ line }) => line === null)
    ? null
    : asked
        .slice(0, 5)
        .map(({ line }) => line)
        .join(", ") + (asked.length > 5 ? ", …" : "");

/** What a job computes, as its asker knows it. */
function nameOf({ name, smiles, structure_id }: RequestedJob): string {
  const what = smiles ?? (structure_id === null ? null : `structure ${structure_id}`);
  return [name, short(what, 60)].filter((part) => part !== null).join("  ");
}

/** A job that did not complete: the line and molecule that were given, and its reason. */
export function describeFailure(job: JobRow, { jobs }: Pick<Submitted, "jobs">): string {
  const error = job.error as { code?: string; message?: string } | null;
  const asked = jobs.filter(({ job_id }) => job_id === job.job_id);
  const [first] = asked;
  const lines = linesOf(asked);
  const what = [
    ...(lines === null ? [] : [`line ${lines}`]),
    ...(first === undefined ? [] : [nameOf(first)]),
    `job ${job.job_id}`,
  ].join("  ");
  const state = TERMINAL.includes(job.status) ? job.status : `is ${job.status}`;
  return `${what} ${state}${error === null ? "" : `: ${error.message} (${error.code})`}`;
}
