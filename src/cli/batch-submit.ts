import { type BatchSource, type Filled, fillBatch } from "./batch-fill.ts";
import { idleEngine, interruptible, watchBatch, wentWell } from "./batch-watch.ts";
import { describeBatch, describeFilled, leftOut } from "./batch-words.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";

/**
 * What `dock` and `xtb` do with more than one call takes: they make one batch and print its handle; with `wait`
 * they follow it to its end, and its results are asked of the batch.
 */
export async function submitBatch(cli: Cli, source: BatchSource, { wait }: { wait: boolean }): Promise<void> {
  const filled = await fillBatch(cli, source);
  const { total_items, batch_id } = filled.row;
  cli.out.say(`${total_items} items are one batch: \`aliquot batch watch ${batch_id}\` follows it`);
  const beside = wait ? { jobs: [], results: [] } : { jobs: [] };
  return printFilled(cli, filled, { wait, beside });
}

/**
 * Prints a batch that was filled, or follows it to its end first, with a worker of this command's own where there is
 * none. Ends with 1 where nothing of it can be computed, or something that was waited for failed.
 */
export async function printFilled(
  cli: Cli,
  filled: Filled,
  { wait, beside = {} }: { wait: boolean; beside?: object },
): Promise<void> {
  const { row, rejected } = filled;
  if (!wait) {
    const idle = await idleEngine(cli, row);
    cli.out.result({ ...row, ...beside, rejected }, () => describeFilled(filled, idle));
    if (row.counts.skipped === row.total_items) throw new ExitWith(1);
    return;
  }
  const ended = await interruptible(cli, row.batch_id, () =>
    watchBatch(cli, row.batch_id, { engines: row.engines }),
  );
  cli.out.result({ ...ended, ...beside, rejected }, (done) =>
    [describeBatch(done), ...leftOut({ row: done, rejected })].join("\n"),
  );
  if (!wentWell(ended)) throw new ExitWith(1);
}
