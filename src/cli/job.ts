import { type Command, Option } from "commander";
import { listFailures, retryFailures } from "../batches/failure-operations.ts";
import { AppError } from "../errors.ts";
import {
  cancelJobOperation,
  listJobs,
  retryJobOperation,
  showJob,
  submitJobFrom,
} from "../jobs/operations.ts";
import { JOB_STATUSES, type JobDetail, type JobRow, type JobStatus } from "../jobs/schema.ts";
import { perform } from "../perform.ts";
import { showPipeline } from "../pipelines/operations.ts";
import type { Cli } from "./cli.ts";
import { printLogs } from "./job-logs.ts";
import { describeJob, waitingFor } from "./job-show.ts";
import { watchJobs } from "./job-watch.ts";
import { id as idOption, limit, type Params, param, priority, whole } from "./options.ts";
import { table } from "./out.ts";
import { since } from "./since.ts";

export function register(program: Command, cli: Cli): void {
  const job = program.command("job").description("runs of pipelines");
  registerList(job, cli);
  job
    .command("show <id>")
    .description("one job: its tasks in order, what they wait for, inputs, outputs, events")
    .action(async (id: string) => {
      const { principal } = await cli.member();
      const detail = await perform(await cli.context(), showJob, principal, { job_id: id });
      const waits = await waitingFor(cli, detail);
      cli.out.result<JobDetail & { waiting_for?: string }>(
        waits === undefined ? detail : { ...detail, waiting_for: waits },
        () => describeJob(detail, waits),
      );
    });
  job
    .command("watch <ids...>")
    .description("print events of jobs as they come, until all have ended; --json: JSON Lines")
    .action((ids: string[]) => watchJobs(cli, ids));
  job
    .command("logs <id>")
    .description("what the program of a job printed in its last attempt")
    .option("--task <name>", "of this task")
    .option("--attempt <n>", "of this attempt", whole)
    .action((id: string, which: { task?: string; attempt?: number }) => printLogs(cli, id, which));
  registerChanges(job, cli);
}

type ListOptions = { param?: Params } & Record<string, unknown>;

function registerList(job: Command, cli: Cli): void {
  job
    .command("list")
    .description("jobs that you may see, newest first")
    .addOption(new Option("--status <status>", "only these").choices([...JOB_STATUSES]))
    .option("--pipeline <name>", "only runs of this pipeline")
    .option("--batch <batch>", "only jobs of this batch", idOption)
    .option("--since <time>", "made not before: a day, a time with its zone, or 30m, 12h, 7d ago", since)
    .option("--mine", "only those that you submitted")
    .option("--param <key=value>", "only those run with this parameter, as seed=42", param)
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async ({ param: params, batch, ...options }: ListOptions) => {
      const { principal } = await cli.member();
      const filter = {
        ...options,
        ...(params === undefined ? {} : { params }),
        ...(batch === undefined ? {} : { batch_id: batch }),
      };
      const context = await cli.context();
      const page = await perform(context, listJobs, principal, filter);
      const pipeline = options["pipeline"];
      // Jobs outlive a name, so it is looked up only where it found none. It throws where nothing is called so.
      if (page.items.length === 0 && typeof pipeline === "string")
        await perform(context, showPipeline, principal, { pipeline });
      const { limit: _most, cursor: _from, ...asked } = filter as Record<string, unknown>;
      cli.out.result(page, ({ items, next_cursor }) =>
        [
          jobTable(items, Object.keys(asked).length > 0),
          ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
        ].join("\n"),
      );
    });
}

function registerChanges(job: Command, cli: Cli): void {
  job
    .command("cancel <ids...>")
    .description("cancel jobs; what runs is stopped")
    .action((ids: string[]) =>
      changeAll(cli, ids, async (id) => {
        const { principal } = await cli.member();
        return perform(await cli.context(), cancelJobOperation, principal, { job_id: id });
      }),
    );
  job
    .command("retry [ids...]")
    .description("run what failed of jobs again")
    .option("--failed", "all failed jobs that you may change; `aliquot failures` tells them by reason")
    .action(async (ids: string[], { failed }: { failed?: boolean }) => {
      if ((ids.length === 0) !== (failed === true))
        throw new AppError("usage", "say which: ids of jobs, or --failed for all that failed");
      if (failed === true) return retryAllFailed(cli);
      return changeAll(cli, ids, async (id) => {
        const { principal } = await cli.member();
        return perform(await cli.context(), retryJobOperation, principal, { job_id: id });
      });
    });
  job
    .command("submit")
    .description("a new job with the recipe, input and parameters of another")
    .requiredOption("--from <job>", "the job to repeat")
    .option("--priority <n>", "0 to 9, the higher the sooner (as that one)", priority)
    .option("--no-cache", "compute everything anew")
    .option("--idempotency-key <key>", "said twice with one key, it is done once; for 24 hours")
    .action(async (options: { from: string; priority?: number; cache: boolean; idempotencyKey?: string }) => {
      const { principal } = await cli.member();
      const { from, priority: wanted, cache, idempotencyKey } = options;
      const made = await perform(
        await cli.context(),
        submitJobFrom,
        principal,
        { from, reuse: cache, ...(wanted === undefined ? {} : { priority: wanted }) },
        idempotencyKey === undefined ? {} : { idempotencyKey },
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

async function retryAllFailed(cli: Cli): Promise<void> {
  const { principal } = await cli.member();
  const context = await cli.context();
  let retried = 0;
  for (;;) {
    const answer = await perform(context, retryFailures, principal, {});
    retried += answer.retried;
    if (!answer.more || answer.retried === 0) break;
  }
  const left = retried > 0 ? [] : (await perform(context, listFailures, principal, {})).items;
  cli.out.result({ retried }, () =>
    left.length > 0
      ? "nothing was retried: what failed is somebody else's, or of a paused or cancelled batch"
      : `${retried} jobs run again`,
  );
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
