import type { Command } from "commander";
import { retryFailures } from "../batches/failure-operations.ts";
import { AppError } from "../errors.ts";
import { cancelJobOperation, retryJobOperation, showJob, submitJobFrom } from "../jobs/operations.ts";
import type { JobDetail, JobStatus } from "../jobs/schema.ts";
import type { Cli } from "./cli.ts";
import { registerJobFiles } from "./job-files.ts";
import { registerJobList } from "./job-list.ts";
import { type PrintWish, printLogs } from "./job-logs.ts";
import { describeJob, waitingFor } from "./job-show.ts";
import { watchJobs } from "./job-watch.ts";
import { id, ids, priority, ranged } from "./options.ts";
import { describeRetried, retryAll } from "./retry-all.ts";

export function register(program: Command, cli: Cli): void {
  const job = program.command("job").description("runs of pipelines");
  registerJobList(job, cli);
  job
    .command("show")
    .argument("<id>", "the job", id)
    .description("one job: its tasks in order, what they wait for, inputs, outputs, events")
    .action((job_id: string) => show(cli, job_id));
  job
    .command("watch")
    .argument("<ids...>", "the jobs", ids)
    .description("print events of jobs as they come, until all have ended; --json: JSON Lines")
    .action((wanted: string[]) => watchJobs(cli, wanted));
  job
    .command("logs")
    .argument("<id>", "the job", id)
    .description("what the program of a job printed in its last attempt")
    .option("--task <name>", "of this task")
    .option("--attempt <n>", "of this attempt", ranged(1, 1_000_000))
    .option("--follow", "the log of each attempt as it ends, until the job has ended")
    .action((job_id: string, which: PrintWish) => printLogs(cli, job_id, which));
  registerJobFiles(job, cli);
  registerChanges(job, cli);
}

async function show(cli: Cli, job_id: string): Promise<void> {
  const detail = await cli.ask(showJob, { job_id });
  const waits = await waitingFor(cli, detail);
  cli.out.result<JobDetail & { waiting_for?: string }>(
    waits === undefined ? detail : { ...detail, waiting_for: waits },
    () => describeJob(detail, waits),
  );
}

function registerChanges(job: Command, cli: Cli): void {
  job
    .command("cancel")
    .argument("<ids...>", "the jobs", ids)
    .description("cancel jobs; what runs is stopped")
    .action((wanted: string[]) =>
      changeAll(cli, wanted, async (job_id) => {
        return cli.ask(cancelJobOperation, { job_id });
      }),
    );
  job
    .command("retry")
    .argument("[ids...]", "the jobs", ids)
    .description("run what failed of jobs again")
    .option("--failed", "all failed jobs that you may change; `aliquot failures` tells them by reason")
    .option("--force", "also what would fail the same way again")
    .action(async (wanted: string[], { failed, ...how }: { failed?: boolean; force?: boolean }) => {
      if ((wanted.length === 0) !== (failed === true))
        throw new AppError("usage", "say which: ids of jobs, or --failed for all that failed");
      if (failed === true) return retryAllFailed(cli, how);
      return changeAll(cli, wanted, async (job_id) => {
        return cli.ask(retryJobOperation, { job_id, ...how });
      });
    });
  job
    .command("submit")
    .description("a new job with the recipe, input and parameters of another")
    .requiredOption("--from <job>", "the job to repeat", id)
    .option("--priority <n>", "0 to 9, the higher the sooner (as that one)", priority)
    .option("--no-cache", "compute everything anew")
    .option("--idempotency-key <key>", "said twice with one key, it is done once; for 24 hours")
    .action(async (options: { from: string; priority?: number; cache: boolean; idempotencyKey?: string }) => {
      const { from, priority: wanted, cache, idempotencyKey } = options;
      const made = await cli.ask(
        submitJobFrom,
        { from, reuse: cache, ...(wanted === undefined ? {} : { priority: wanted }) },
        idempotencyKey === undefined ? { once: true } : { idempotencyKey },
      );
      cli.out.result({ batch_id: null, jobs: [made] }, () => `job ${made.job_id} is ${made.status}`);
    });
}

type ChangedJob = { job_id: string; status: JobStatus };

/** One after the other; the first that is refused ends it, and what was done before is said. */
async function changeAll(
  cli: Cli,
  ids: string[],
  change: (id: string) => Promise<ChangedJob>,
): Promise<void> {
  const [only, ...more] = ids;
  if (only !== undefined && more.length === 0)
    return cli.out.result(await change(only), ({ job_id, status }) => `job ${job_id} is ${status}`);
  const items: ChangedJob[] = [];
  try {
    for (const id of ids) items.push(await change(id));
  } catch (error) {
    for (const { job_id, status } of items) cli.out.say(`job ${job_id} is ${status}`);
    throw error;
  }
  cli.out.result({ items, next_cursor: null }, () =>
    items.map(({ job_id, status }) => `job ${job_id} is ${status}`).join("\n"),
  );
}

async function retryAllFailed(cli: Cli, how: { force?: boolean }): Promise<void> {
  const done = await retryAll((on) => cli.ask(retryFailures, { ...how, ...on }));
  cli.out.result(done, describeRetried);
}
