import assert from "node:assert/strict";
import { createBatchOperation, listItems, showBatch } from "../../src/batches/operations.ts";
import { recountBatch } from "../../src/batches/repair.ts";
import type { AddedItems, CreateBatch } from "../../src/batches/schema.ts";
import { type EndedJob, settleItems } from "../../src/batches/settle.ts";
import { AppError } from "../../src/errors.ts";
import { perform } from "../../src/perform.ts";
import { type Cleaner, inResults, person } from "./context.ts";
import { keepResults } from "./kept-results.ts";
import { openLab } from "./worker.ts";

/** Molecules that no two tests share, and that are all small. */
export const chains = (count: number, from = 1) =>
  Array.from({ length: count }, (_, n) => {
    const end = ["", "O", "N", "F", "Cl", "S", "OC(=O)"][Math.floor((from + n) / 15)] ?? "Br";
    return { text: `${"C".repeat(1 + ((from + n) % 15))}${end}`, format: "smiles" as const };
  });
/** Whether an error is of a kind. */
export const kind = (name: string) => (error: unknown) => error instanceof AppError && error.kind === name;

/** An organization of which no two tests share molecules, and what tests ask of its batches. */
export async function openBatches(t: Cleaner) {
  const lab = await openLab(t, { env: { DB_RESULTS_POOL_SIZE: "6" } });
  const { context, org, scientist } = lab;
  const colleague = await person(context, org, "scientist");
  const sql = <R extends object>(text: string, values: unknown[] = []) =>
    context.superuser<R>(text, values, org.database_name);

  const create = (input: Partial<CreateBatch>, options = {}): Promise<AddedItems> =>
    perform(context, createBatchOperation, scientist, { pipeline: "xtb-singlepoint", ...input }, options);
  const show = (batch_id: string) => perform(context, showBatch, scientist, { batch_id });
  const items = async (batch_id: string) =>
    (await perform(context, listItems, scientist, { batch_id, limit: 1000 })).items;

  /** Ends jobs as a worker does, without running anything. */
  async function end(
    jobs: (string | null)[],
    status: "completed" | "failed",
    code = "crashed",
  ): Promise<void> {
    const ids = jobs.map((id) => id ?? "");
    await inResults(context, org, async ({ tx }) => {
      await tx.updateTable("tasks").set({ status }).where("job_id", "in", ids).execute();
      const error = status === "failed" ? JSON.stringify({ code, kind: code, message: "it broke" }) : null;
      await tx.updateTable("jobs").set({ status, error }).where("job_id", "in", ids).execute();
      if (status === "completed") await keepResults(tx, ids);
      const ended = { status, ...(status === "failed" ? { error: { code, message: "it broke" } } : {}) };
      await settleItems(
        tx,
        ids.map((job_id): EndedJob => ({ job_id, ...ended })),
      );
    });
  }

  /** Everything of a batch that must agree with something else. */
  async function checkCounters(batch_id: string): Promise<void> {
    assert.equal(await inResults(context, org, (scope) => recountBatch(scope, batch_id)), undefined);
    const twice = await sql(
      "SELECT job_id FROM jobs WHERE batch_id = $1 AND job_id NOT IN (SELECT job_id FROM batch_items WHERE job_id IS NOT NULL AND batch_id = $1)",
      [batch_id],
    );
    assert.deepEqual(twice, [], "a job that no item has");
  }

  /** A request after which nobody makes its jobs, as where the process ended there. */
  async function withoutWindows<T>(work: () => Promise<T>): Promise<T> {
    const { forMachinery } = context.results;
    context.results.forMachinery = async () => {
      throw new AppError("unavailable", "the process ended here");
    };
    try {
      return await work();
    } finally {
      context.results.forMachinery = forMachinery;
    }
  }

  return { ...lab, colleague, sql, create, show, items, end, checkCounters, withoutWindows };
}
