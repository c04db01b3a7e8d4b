import { type Command, Option } from "commander";
import { listBatches, listItems, showBatch } from "../batches/operations.ts";
import { BATCH_STATUSES, type BatchRow, type BatchStatus, ITEM_STATUSES } from "../batches/schema.ts";
import { registerCreate } from "./batch-create.ts";
import { registerLife } from "./batch-life.ts";
import { idleEngine, interruptible, watchBatch, wentWell } from "./batch-watch.ts";
import { batchTable, describeBatch } from "./batch-words.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";
import { aWorkerWith } from "./job-show.ts";
import { id, limit } from "./options.ts";
import { short, table } from "./out.ts";

export function register(program: Command, cli: Cli): void {
  const batch = program.command("batch").description("many jobs from one request");
  registerCreate(batch, cli);
  batch
    .command("list")
    .description("batches that you may see, newest first")
    .addOption(new Option("--status <status>", "only these").choices([...BATCH_STATUSES]))
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(async (options: { status?: BatchStatus; limit?: number; cursor?: string }) => {
      const page = await cli.ask(listBatches, { ...options });
      cli.out.result(page, ({ items, next_cursor }) =>
        [batchTable(items), ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`])].join("\n"),
      );
    });
  batch
    .command("show")
    .argument("<id>", "the batch", id)
    .description("one batch with its counts, rate and time left")
    .action(async (batch_id: string) => {
      const row = await cli.ask(showBatch, { batch_id });
      const engine = await idleEngine(cli, row);
      cli.out.result<BatchRow & { waiting_for?: string }>(
        engine === undefined
          ? row
          : { ...row, rate_per_s: null, eta_s: null, waiting_for: aWorkerWith(engine) },
        describeBatch,
      );
    });
  batch
    .command("watch")
    .argument("<id>", "the batch", id)
    .description("follow a batch until it ends")
    .action(async (batch_id: string) => {
      const row = await interruptible(cli, batch_id, () => watchBatch(cli, batch_id, { lines: true }));
      if (!cli.out.json) cli.out.result(row, describeBatch);
      if (!wentWell(row)) throw new ExitWith(1);
    });
  batch
    .command("items")
    .argument("<id>", "the batch", id)
    .description("what became of each item")
    .addOption(new Option("--status <status>", "only these").choices([...ITEM_STATUSES]))
    .option("--limit <n>", "how many (50)", limit)
    .option("--cursor <cursor>", "go on after an earlier page")
    .action(
      (
        batch_id: string,
        options: { status?: (typeof ITEM_STATUSES)[number]; limit?: number; cursor?: string },
      ) => showItems(cli, batch_id, options),
    );
  registerLife(batch, cli);
}

async function showItems(
  cli: Cli,
  batch_id: string,
  options: { status?: (typeof ITEM_STATUSES)[number]; limit?: number; cursor?: string },
): Promise<void> {
  const page = await cli.ask(listItems, { batch_id, ...options });
  const isOfFile = !cli.out.json && (await cli.ask(showBatch, { batch_id })).source_file !== null;
  cli.out.result(page, ({ items, next_cursor }) =>
    [
      table(
        ["#", ...(isOfFile ? ["line"] : []), "name", "smiles", "status", "job", "reason"],
        items.map((item) => [
          ...[item.item_no, ...(isOfFile ? [item.source_row] : [])],
          ...[item.name, item.smiles ?? short(item.input, 40), item.status, item.job_id],
          (item.error as { message?: string } | null)?.message ?? null,
        ]),
        "no such item",
      ),
      ...(next_cursor === null ? [] : [`more: --cursor ${next_cursor}`]),
    ].join("\n"),
  );
}
