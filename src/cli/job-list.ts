import { type Command, Option } from "commander";
import { showBatch } from "../batches/operations.ts";
import { listJobs } from "../jobs/operations.ts";
import { JOB_STATUSES, type JobRow } from "../jobs/schema.ts";
import { showPipeline } from "../pipelines/operations.ts";
import type { Cli } from "./cli.ts";
import { id, limit, type Params, param } from "./options.ts";
import { short, table, time } from "./out.ts";
import { since } from "./since.ts";

type ListOptions = { param?: Params; batch?: string; pipeline?: string } & Record<string, unknown>;

export function registerJobList(job: Command, cli: Cli): void {
  job
    .command("list")
    .description("jobs that you may see, newest first")
    .addOption(new Option("--status <status>", "only these").choices([...JOB_STATUSES]))
    .option("--pipeline <name>", "only runs of this pipeline")
    .option("--batch <batch>", "only jobs of this batch", id)
    .option("--since <time>", "made not before: a day, a time with its zone, or 30m, 12h, 7d ago", since)
    .option("--mine", "only those that you submitted")
    .option("--param <key=value>", "only those run with this parameter, as seed=42", param)
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action((options: ListOptions) => list(cli, options));
}

async function list(cli: Cli, { param: params, batch, ...options }: ListOptions): Promise<void> {
  const filter = {
    ...options,
    ...(params === undefined ? {} : { params }),
    ...(batch === undefined ? {} : { batch_id: batch }),
  };
  const page = await cli.ask(listJobs, filter);
  const { pipeline } = options;
  // Jobs outlive a name, so it is looked up only where it found none. It throws where nothing is called so.
  if (page.items.length === 0 && pipeline !== undefined) await cli.ask(showPipeline, { pipeline });
  if (
    batch !== undefined &&
    page.next_cursor === null &&
    Object.keys(filter).every((key) => key === "batch_id" || key === "limit")
  )
    await sayAnswered(cli, batch, page.items);
  const { limit: _most, cursor: _from, ...asked } = filter as Record<string, unknown>;
  cli.out.result(page, ({ items, next_cursor }) =>
    [
      jobTable(items, Object.keys(asked).length > 0),
      ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
    ].join("\n"),
  );
}

/** Items that a job of another request answered have none in the list: says how many, where all of it is at hand. */
async function sayAnswered(cli: Cli, batch_id: string, own: JobRow[]): Promise<void> {
  const { counts } = await cli.ask(showBatch, { batch_id });
  // The item of a cancelled job was left out.
  const jobs = own.filter(({ status }) => status !== "cancelled").length;
  const answered = counts.queued + counts.processing + counts.completed + counts.failed - jobs;
  if (answered > 0)
    cli.out.say(
      `${answered} ${answered === 1 ? "item" : "items"} of this batch answered by jobs of other requests: \`aliquot batch items ${batch_id}\` names them`,
    );
}

/** So much of a molecule's name or SMILES is shown in a row. */
const MOST = 28;

function jobTable(items: JobRow[], isSearch: boolean): string {
  return table(
    ["job", "pipeline", "molecule", "status", "created", "error"],
    items.map((row) => [
      row.job_id,
      row.pipeline,
      short(row.name ?? row.smiles, MOST),
      row.status,
      time(row.created_at),
      (row.error as { code?: string } | null)?.code ?? null,
    ]),
    isSearch ? "no job that you may see is so" : "no job yet: submit one with `aliquot xtb SMILES`",
  );
}
