import type { Command } from "commander";
import {
  cancelBatchOperation,
  pauseBatchOperation,
  resumeBatchOperation,
  retryBatchOperation,
  sealBatchOperation,
  showBatch,
} from "../batches/operations.ts";
import { openItems } from "../batches/report.ts";
import type { Cli } from "./cli.ts";
import { checkCode } from "./failure-codes.ts";
import { id } from "./options.ts";
import { describeRetried, retryAll } from "./retry-all.ts";

/** What changes a batch that is there: seal, pause, resume, cancel, retry. */
export function registerLife(batch: Command, cli: Cli): void {
  batch
    .command("seal")
    .argument("<id>", "the batch", id)
    .description("take a batch that was broken off as it is: it ends with the items that it has")
    .action(async (batch_id: string) => {
      const sealed = await cli.ask(sealBatchOperation, { batch_id });
      cli.out.result(sealed, ({ total_items }) => `batch ${batch_id} is sealed with ${total_items} items`);
    });
  batch
    .command("pause")
    .argument("<id>", "the batch", id)
    .description("let no more of its jobs begin; what runs goes on")
    .action(async (batch_id: string) => {
      const changed = await cli.ask(pauseBatchOperation, { batch_id });
      cli.out.result(
        changed,
        ({ status, jobs }) => `batch ${batch_id} is ${status}: ${jobs} jobs left the queue`,
      );
    });
  batch
    .command("resume")
    .argument("<id>", "the batch", id)
    .description("go on with a paused batch")
    .action(async (batch_id: string) => {
      const changed = await cli.ask(resumeBatchOperation, { batch_id });
      cli.out.result(
        changed,
        ({ status, jobs }) => `batch ${batch_id} is ${status}: ${jobs} jobs are in the queue again`,
      );
    });
  batch
    .command("cancel")
    .argument("<id>", "the batch", id)
    .description("end a batch (asks): what runs is stopped, the rest never begins")
    .action(async (batch_id: string) => {
      const { name, counts } = await cli.ask(showBatch, { batch_id });
      const question = `This cancels batch "${name}" with ${openItems(counts)} items that have not ended.`;
      if (!(await cli.out.confirm(question, cli.options.yes ?? false))) {
        cli.out.say("nothing was done");
        return;
      }
      const changed = await cli.ask(cancelBatchOperation, { batch_id });
      cli.out.result(
        changed,
        ({ status, jobs }) => `batch ${batch_id} is ${status}: ${jobs} jobs were cancelled`,
      );
    });
  batch
    .command("retry")
    .argument("<id>", "the batch", id)
    .description("run what failed of a batch again")
    .option("--code <code>", "only what failed so, as `failures` names it")
    .option("--force", "also what would fail the same way again")
    .action(async (batch_id: string, options: { code?: string; force?: boolean }) => {
      await checkCode(cli, options.code, batch_id);
      const done = await retryAll((on) => cli.ask(retryBatchOperation, { batch_id, ...options, ...on }));
      cli.out.result({ batch_id, ...done }, describeRetried);
    });
}
