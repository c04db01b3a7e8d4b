import { waitForBatch } from "./batch.ts";
import { type BatchSource, fillBatch } from "./batch-fill.ts";
import { describeBatch } from "./batch-words.ts";
import type { Cli } from "./cli.ts";
import { ExitWith } from "./exit.ts";

/**
 * What `dock` and `xtb` do with more than one call takes: they make one batch and print its handle; with `wait`
 * they follow it to its end, and its results are asked of the batch.
 */
export async function submitBatch(cli: Cli, source: BatchSource, { wait }: { wait: boolean }): Promise<void> {
  const filled = await fillBatch(cli, source);
  const { row, rejected } = filled;
  cli.out.say(`${row.total_items} items are one batch: \`aliquot batch watch ${row.batch_id}\` follows it`);
  if (wait) return waitForBatch(cli, filled, { jobs: [], results: [] });
  cli.out.result({ ...row, jobs: [], rejected }, () => describeBatch(row));
  if (row.counts.skipped === row.total_items) throw new ExitWith(1);
}
