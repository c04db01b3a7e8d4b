import type { JobRow, SubmittedJob } from "../jobs/schema.ts";
import type { RejectedRecord } from "../molecules/schema.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { Interrupted, waitForJobs } from "./wait.ts";

/** What a submission answered, whatever it submits. */
export type Submitted = { jobs: SubmittedJob[]; rejected: RejectedRecord[] };

/**
 * Waits for the jobs of a submission and prints it with their results; what was left out is said first. Ends
 * with 1 where a job did not complete (results are printed all the same) and 130 on Ctrl-C (jobs go on).
 */
export async function waitAndPrint<A extends Submitted, R>(
  cli: Cli,
  answer: A,
  engines: string | [string, ...string[]],
  read: (jobIds: string[]) => Promise<R[]>,
  describe: (jobs: JobRow[], results: R[], answer: A) => string,
): Promise<void> {
  const { principal } = await cli.member();
  const ids = [...new Set(answer.jobs.map((job) => job.job_id))];
  for (const line of leftOut(answer.rejected)) cli.out.say(line);
  try {
    const all: [string, ...string[]] = typeof engines === "string" ? [engines] : engines;
    const jobs = await waitForJobs(cli, principal, ids, ...all);
    const results = await read(ids);
    const byId = new Map(jobs.map((job) => [job.job_id, job]));
    const done = answer.jobs.map((job) => ({ ...job, status: byId.get(job.job_id)?.status ?? job.status }));
    cli.out.result({ ...answer, jobs: done, results }, () => describe(jobs, results, answer));
    if (jobs.some((job) => job.status !== "completed")) throw new ExitWith(1);
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    cli.out.result(answer, () => "");
    cli.out.say("interrupted: the jobs go on wherever a worker runs; `aliquot job watch` follows them");
    throw new ExitWith(130);
  }
}

function leftOut(rejected: RejectedRecord[]): string[] {
  return rejected.map(({ line, message }) => `line ${line} was left out: ${message}`);
}

/** A submission that is not waited for. */
export function describeSubmission({ jobs, rejected }: Submitted): string {
  const fresh = jobs.filter((job) => !job.cached).length;
  const [first] = jobs;
  if (first === undefined) return ["no job: nothing of it can be run", ...leftOut(rejected)].join("\n");
  const distinct = new Set(jobs.map((job) => job.job_id)).size;
  const several =
    distinct === jobs.length
      ? `${distinct} jobs`
      : `${distinct} jobs for ${jobs.length} records: some are the same`;
  const lines = distinct === 1 ? [`job ${first.job_id} is ${first.status}`] : [several];
  if (fresh < jobs.length)
    lines.push(
      `${jobs.length - fresh} answered from completed jobs that asked the same: --wait prints results`,
    );
  lines.push(...leftOut(rejected));
  if (fresh > 0)
    lines.push("they run where a worker runs: `aliquot up`, or `aliquot worker`; --wait waits for them");
  return lines.join("\n");
}

/** A job that did not complete, with its reason. */
export function describeFailure(job: JobRow): string {
  const error = job.error as { code?: string; message?: string } | null;
  return `job ${job.job_id} ${job.status}${error === null ? "" : `: ${error.message} (${error.code})`}`;
}
