import { access } from "node:fs/promises";
import { basename } from "node:path";
import { type Command, Option } from "commander";
import {
  cancelBatchOperation,
  listBatches,
  listItems,
  pauseBatchOperation,
  resumeBatchOperation,
  retryBatchOperation,
  sealBatchOperation,
  showBatch,
} from "../batches/operations.ts";
import { BATCH_STATUSES, type BatchRow, type BatchStatus, ITEM_STATUSES } from "../batches/schema.ts";
import { STEREO_MODES } from "../docking/schema.ts";
import { AppError, unreadable } from "../errors.ts";
import type { MoleculeRecord } from "../molecules/schema.ts";
import { streamMoleculeFile } from "../molecules/stream-file.ts";
import { perform } from "../perform.ts";
import { type BatchSource, type Filled, fillBatch, type Request } from "./batch-fill.ts";
import { idleEngine, watchBatch, wentWell } from "./batch-watch.ts";
import { batchTable, describeBatch } from "./batch-words.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { checkCode } from "./failure-codes.ts";
import { namesFile } from "./given.ts";
import { aWorkerWith } from "./job-show.ts";
import { limit, type Params, param, priority, ranged } from "./options.ts";
import { table } from "./out.ts";
import { describeRetried, retryAll } from "./retry-all.ts";
import { Interrupted } from "./wait.ts";

type CreateOptions = {
  molecules?: string;
  structure: string[];
  registered?: boolean;
  resume?: string;
  site?: string;
  stereo?: string;
  param?: Params;
  name?: string;
  private?: boolean;
  priority?: number;
  cache: boolean;
  onReject?: "skip" | "refuse";
  wait?: boolean;
};

export function register(program: Command, cli: Cli): void {
  const batch = program.command("batch").description("many jobs from one request");
  batch
    .command("create [pipeline] [file-or-smiles...]")
    .description("run a pipeline on up to a million molecules: one job for each, made as others end")
    .option("--molecules <file>", "SMILES list, SDF or MOL, of any length")
    .option("--structure <id...>", "structures that were added before", [])
    .option("--registered", "every molecule of the organization; with --private your own as well")
    .option(
      "--resume <batch>",
      "go on with a batch that was broken off, after its last record of the same file",
    )
    .option("--site <site>", "where a pipeline docks: id, name or name@version")
    .addOption(
      new Option("--stereo <mode>", "what to do with stereo that is not drawn").choices([...STEREO_MODES]),
    )
    .option("--param <key=value>", "a parameter of the pipeline (may be said again)", param)
    .option("--name <name>", "what you call it")
    .option("--private", "only you and the organization's admins see it")
    .option("--priority <p>", "0 to 9, the higher the sooner (5)", priority)
    .option("--no-cache", "run again even where a completed job asked the same")
    .addOption(
      new Option("--on-reject <how>", "what a bad record does (skip for a file, refuse for SMILES)").choices([
        "skip",
        "refuse",
      ]),
    )
    .option("--wait", "wait for the end")
    .action((pipeline: string | undefined, things: string[], options: CreateOptions) =>
      create(cli, pipeline, things, options),
    );
  batch
    .command("list")
    .description("batches that you may see, newest first")
    .addOption(new Option("--status <status>", "only these").choices([...BATCH_STATUSES]))
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async (options: { status?: BatchStatus; limit?: number; cursor?: string }) => {
      const { principal } = await cli.member();
      const page = await perform(await cli.context(), listBatches, principal, { ...options });
      cli.out.result(page, ({ items, next_cursor }) =>
        [batchTable(items), ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`])].join("\n"),
      );
    });
  batch
    .command("show <id>")
    .description("one batch with its counts, rate and time left")
    .action(async (batch_id: string) => {
      const { principal } = await cli.member();
      const row = await perform(await cli.context(), showBatch, principal, { batch_id });
      const engine = await idleEngine(await cli.context(), row);
      cli.out.result<BatchRow & { waiting_for?: string }>(
        engine === undefined ? row : { ...row, eta_s: null, waiting_for: aWorkerWith(engine) },
        describeBatch,
      );
    });
  batch
    .command("watch <id>")
    .description("follow a batch until it ends")
    .action(async (batch_id: string) => {
      const row = await interruptible(cli, () => watchBatch(cli, batch_id, { lines: true }));
      if (!cli.out.json) cli.out.result(row, describeBatch);
      if (!wentWell(row)) throw new ExitWith(1);
    });
  batch
    .command("items <id>")
    .description("what became of each item")
    .addOption(new Option("--status <status>", "only these").choices([...ITEM_STATUSES]))
    .option("--limit <n>", "how many (50)", limit)
    .option("--after <n>", "go on after an item", ranged(0, 100_000_000))
    .action((batch_id: string, options: { status?: string; limit?: number; after?: number }) =>
      showItems(cli, batch_id, options),
    );
  registerLife(batch, cli);
}

function registerLife(batch: Command, cli: Cli): void {
  batch
    .command("seal <id>")
    .description("take a batch that was broken off as it is: it ends with the items that it has")
    .action(async (batch_id: string) => {
      const { principal } = await cli.member();
      const sealed = await perform(await cli.context(), sealBatchOperation, principal, { batch_id });
      cli.out.result(sealed, ({ total_items }) => `batch ${batch_id} is sealed with ${total_items} items`);
    });
  batch
    .command("pause <id>")
    .description("let no more of its jobs begin; what runs goes on")
    .action(async (batch_id: string) => {
      const { principal } = await cli.member();
      const changed = await perform(await cli.context(), pauseBatchOperation, principal, { batch_id });
      cli.out.result(
        changed,
        ({ status, jobs }) => `batch ${batch_id} is ${status}: ${jobs} jobs left the queue`,
      );
    });
  batch
    .command("resume <id>")
    .description("go on with a paused batch")
    .action(async (batch_id: string) => {
      const { principal } = await cli.member();
      const changed = await perform(await cli.context(), resumeBatchOperation, principal, { batch_id });
      cli.out.result(
        changed,
        ({ status, jobs }) => `batch ${batch_id} is ${status}: ${jobs} jobs are in the queue again`,
      );
    });
  batch
    .command("cancel <id>")
    .description("end a batch (asks): what runs is stopped, the rest never begins")
    .action(async (batch_id: string) => {
      const { principal } = await cli.member();
      const context = await cli.context();
      const { name, counts } = await perform(context, showBatch, principal, { batch_id });
      const open = counts.pending + counts.processing;
      const question = `This cancels batch "${name}" with ${open} items that have not ended.`;
      if (!(await cli.out.confirm(question, cli.options.yes ?? false))) {
        cli.out.say("nothing was done");
        return;
      }
      const changed = await perform(context, cancelBatchOperation, principal, { batch_id });
      cli.out.result(
        changed,
        ({ status, jobs }) => `batch ${batch_id} is ${status}: ${jobs} jobs were cancelled`,
      );
    });
  batch
    .command("retry <id>")
    .description("run what failed of a batch again")
    .option("--code <code>", "only what failed so, as `failures` names it")
    .action(async (batch_id: string, options: { code?: string }) => {
      const { principal } = await cli.member();
      const context = await cli.context();
      await checkCode(cli, options.code, batch_id);
      const done = await retryAll((on) =>
        perform(context, retryBatchOperation, principal, { batch_id, ...options, ...on }),
      );
      cli.out.result({ batch_id, ...done }, describeRetried);
    });
}

async function create(
  cli: Cli,
  pipeline: string | undefined,
  things: string[],
  options: CreateOptions,
): Promise<void> {
  const given = options.resume === undefined || pipeline === undefined ? things : [pipeline, ...things];
  const paths = options.molecules === undefined ? [] : [options.molecules];
  const smiles: string[] = [];
  for (const text of given) ((await namesFile(text)) ? paths : smiles).push(text);
  const [path, other] = paths;
  if (other !== undefined)
    throw new AppError("usage", "give one file: a batch goes on by the line of its file");
  if (smiles.length > 0 && path !== undefined)
    throw new AppError("usage", "give a file or SMILES, not both: a batch goes on by the line of its file");
  const nothing = path === undefined && smiles.length === 0 && options.structure.length === 0;
  if (nothing && options.registered !== true)
    throw new AppError("usage", "give SMILES, a file, --structure ID or --registered (--help shows how)");
  if (path !== undefined)
    await access(path).catch((cause: unknown) => {
      throw unreadable(path, cause);
    });
  const source: BatchSource = {
    into:
      options.resume === undefined
        ? requestOf(pipeline, path, options)
        : await broken(cli, options.resume, path, options),
    records:
      path === undefined
        ? smiles.map((text): MoleculeRecord => ({ text, format: "smiles" }))
        : streamMoleculeFile(path),
    structure_ids: options.structure,
    registered: options.registered === true,
    on_reject: options.onReject ?? (path === undefined && options.registered !== true ? "refuse" : "skip"),
  };
  const filled = await fillBatch(cli, source);
  if (options.wait !== true) {
    cli.out.result({ ...filled.row, rejected: filled.rejected }, () => describeFilled(filled));
    if (filled.row.counts.skipped === filled.row.total_items) throw new ExitWith(1);
    return;
  }
  await waitForBatch(cli, filled);
}

/** Follows a batch to its end, with a worker of its own where there is none, and prints it. */
export async function waitForBatch(cli: Cli, { row, rejected }: Filled, beside: object = {}): Promise<void> {
  const ended = await interruptible(cli, () => watchBatch(cli, row.batch_id, { engines: row.engines }));
  cli.out.result({ ...ended, ...beside, rejected }, describeBatch);
  if (!wentWell(ended)) throw new ExitWith(1);
}

export async function interruptible<T>(cli: Cli, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    cli.out.say("interrupted: the batch goes on wherever a worker runs; `aliquot batch watch` follows it");
    throw new ExitWith(130);
  }
}

function requestOf(pipeline: string | undefined, path: string | undefined, options: CreateOptions): Request {
  if (pipeline === undefined)
    throw new AppError("usage", "say which pipeline: `aliquot pipeline list` shows them (--help shows how)");
  const { site, name, priority, param: params, stereo } = options;
  const given = {
    site,
    name,
    priority,
    params,
    stereo,
    source_file: path === undefined ? undefined : basename(path),
  };
  return {
    pipeline,
    reuse: options.cache,
    ...(options.private === true ? { visibility: "private" as const } : {}),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

/** A batch that was broken off, and the record after which it goes on. Throws AppError usage. */
async function broken(
  cli: Cli,
  batch_id: string,
  path: string | undefined,
  { site, stereo, param: params, name }: CreateOptions,
): Promise<{ batch_id: string; after: number }> {
  if ([site, stereo, params, name].some((option) => option !== undefined))
    throw new AppError("usage", "--resume goes on as the batch was asked for: leave the other options out");
  const { principal } = await cli.member();
  const row = await perform(await cli.context(), showBatch, principal, { batch_id });
  if (path === undefined || row.source_file !== basename(path))
    throw new AppError(
      "usage",
      `batch ${batch_id} was made of ${row.source_file ?? "no file"}: give that file`,
    );
  return { batch_id, after: row.last_source_row ?? 0 };
}

function describeFilled({ row, rejected }: Filled): string {
  const lines = [describeBatch(row)];
  for (const { line, message } of rejected.slice(0, 20)) lines.push(`line ${line} was left out: ${message}`);
  const more = row.counts.skipped - Math.min(rejected.length, 20);
  if (more > 0) lines.push(`${more} more left out: \`aliquot batch items ${row.batch_id} --status skipped\``);
  lines.push(`follow it: \`aliquot batch watch ${row.batch_id}\`; it runs where a worker runs`);
  return lines.join("\n");
}

async function showItems(
  cli: Cli,
  batch_id: string,
  options: { status?: string; limit?: number; after?: number },
): Promise<void> {
  const { principal } = await cli.member();
  const page = await perform(await cli.context(), listItems, principal, { batch_id, ...options });
  const answer = {
    items: page.items,
    next_cursor: page.next_after === null ? null : String(page.next_after),
  };
  cli.out.result(answer, ({ items, next_cursor }) =>
    [
      table(
        ["#", "name", "smiles", "status", "job", "reason"],
        items.map((item) => [
          ...[item.item_no, item.name, item.smiles, item.status, item.job_id],
          (item.error as { message?: string } | null)?.message ?? null,
        ]),
        "no such item",
      ),
      ...(next_cursor === null ? [] : [`more: --after ${next_cursor}`]),
    ].join("\n"),
  );
}
