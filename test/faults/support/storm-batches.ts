import { setTimeout as sleep } from "node:timers/promises";
import {
  cancelBatchOperation,
  createBatchOperation,
  pauseBatchOperation,
  resumeBatchOperation,
  retryBatchOperation,
  showBatch,
} from "../../../src/batches/operations.ts";
import { perform } from "../../../src/perform.ts";
import type { Lab } from "../../support/worker.ts";
import { dice } from "./dice.ts";
import { type Progress, persist, unlessConflict } from "./persist.ts";
import type { StormPlan } from "./storm.ts";

/** A batch, and whether somebody was told that it is cancelled. */
export type AskedBatch = { batch_id: string; name: string; cancelled: boolean };

export type AskedBatches = {
  all: AskedBatch[];
  /** How often what was done to them; what was refused does not count. */
  deeds: Map<string, number>;
};

type Deed = "pause" | "resume" | "retry" | "cancel";

/** Of one batch, in an order that is thrown; one that is not cancelled goes on in the end, and what failed is retried. */
const MOST_DEEDS = 6;

/** What is done next to a batch, by a number from 0 to 1. */
function thrown(chance: number, paused: boolean): Deed {
  if (chance < 0.6) return paused ? "resume" : "pause";
  return chance < 0.85 ? "retry" : "cancel";
}

/** Molecules for the items of a batch, from the n-th on: chains with one end or another. */
function chains(from: number, count: number): { text: string; format: "smiles" }[] {
  const ends = ["", "O", "N", "F", "S", "Cl", "C(=O)O", "C#N", "Br", "C=O"];
  return Array.from({ length: count }, (_, n) => {
    const at = from + n;
    return {
      text: `${"C".repeat(2 + Math.floor(at / ends.length))}${ends[at % ends.length]}`,
      format: "smiles",
    };
  });
}

/**
 * Batches over the length of a storm: one, one of which half is the same, one that is cancelled at once, and those that
 * people pause, resume, retry and cancel as the seed says. Each is asked until it is answered.
 */
export async function submitBatches(
  { context, scientist }: Lab,
  plan: StormPlan,
  progress: Progress,
  { all, deeds }: AskedBatches,
): Promise<void> {
  const { seed, items } = plan;
  const half = Math.floor(items / 2);
  const create = async (name: string, from: number, count: number) => {
    const input = { pipeline: "xtb-singlepoint", name, molecules: chains(from, count) };
    const idempotencyKey = `storm ${seed} ${name}`;
    const { batch_id } = await persist(() =>
      perform(context, createBatchOperation, scientist, input, { idempotencyKey }),
    );
    const batch: AskedBatch = { batch_id, name, cancelled: false };
    all.push(batch);
    return batch;
  };
  const DEEDS: Record<Deed, (input: { batch_id: string }) => Promise<unknown>> = {
    pause: (input) => perform(context, pauseBatchOperation, scientist, input),
    resume: (input) => perform(context, resumeBatchOperation, scientist, input),
    retry: (input) => perform(context, retryBatchOperation, scientist, input),
    cancel: (input) => perform(context, cancelBatchOperation, scientist, input),
  };
  const deed = async (batch: AskedBatch, what: Deed) => {
    const done = await persist(() => unlessConflict(DEEDS[what]({ batch_id: batch.batch_id })));
    if (what === "cancel" && done) batch.cancelled = true;
    deeds.set(what, (deeds.get(what) ?? 0) + (done ? 1 : 0));
    return done;
  };
  /** Waits until something of a batch failed, or nothing can any more. */
  const failed = async ({ batch_id }: AskedBatch) => {
    for (;;) {
      const { status, counts } = await persist(() => perform(context, showBatch, scientist, { batch_id }));
      if (counts.failed > 0 || status === "completed") return;
      await sleep(100);
    }
  };
  const troubled = async (index: number) => {
    const random = dice(seed + 1000 + index);
    await progress.reached((index / plan.troubled) * 0.7);
    const batch = await create(`troubled ${index + 1}`, 2 * items + index * half, half);
    let paused = false;
    for (let left = 1 + Math.floor(random() * MOST_DEEDS); left > 0 && !batch.cancelled; left--) {
      await sleep(50 + random() * 1000);
      const what = thrown(random(), paused);
      if ((await deed(batch, what)) && (what === "pause" || what === "resume")) paused = what === "pause";
    }
    if (batch.cancelled) return;
    await deed(batch, "resume");
    await failed(batch);
    await deed(batch, "retry");
  };
  const ordinary = async () => {
    await create("first", 0, items);
    await create("half the same", half, items);
    await deed(await create("cancelled", items + half, half), "cancel");
  };
  await Promise.all([ordinary(), ...Array.from({ length: plan.troubled }, (_, index) => troubled(index))]);
}
