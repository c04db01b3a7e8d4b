import { setTimeout as sleep } from "node:timers/promises";
import { cancelBatchOperation, createBatchOperation } from "../../../src/batches/operations.ts";
import { toAppError } from "../../../src/errors.ts";
import { perform } from "../../../src/perform.ts";
import type { Lab } from "../../support/worker.ts";
import type { StormPlan } from "./storm.ts";
import { cancel, submit, type Wish } from "./submit.ts";

type Kind = "single" | "graph" | "same" | "fails" | "cancelled";
export type Asked = { job_id: string; kind: Kind; cancelled: boolean };

/** What is killed again and again must not run out of attempts: that a job may fail of it is another test. */
const ATTEMPTS = 1000;

const WISHES: Record<Kind, Wish> = {
  single: { script: "sleep 0.05; echo -1.5" },
  graph: { graph: { a: [], b: [], c: ["a", "b"] }, script: "sleep 0.02; echo -2.5" },
  same: { script: "sleep 0.1; echo -3.5", reuse: true },
  fails: { script: "exit 65" },
  cancelled: { script: "sleep 0.3; echo -4.5" },
};
const KINDS = [
  "single",
  "graph",
  "same",
  "single",
  "fails",
  "single",
  "cancelled",
  "graph",
  "single",
  "same",
] as const;

/** Every request until it is answered, under one key: whoever heard no answer asks again. */
export async function submitAll({ context, scientist }: Lab, plan: StormPlan, asked: Asked[]): Promise<void> {
  const ask = async (n: number) => {
    const kind = KINDS[n % KINDS.length] as Kind;
    const key = `storm ${plan.seed} ${n}`;
    const wish = { ...WISHES[kind], max_attempts: kind === "fails" ? 3 : ATTEMPTS };
    const job_id = await persist(() => submit(context, scientist, wish, key));
    const job = { job_id, kind, cancelled: false };
    asked.push(job);
    if (kind !== "cancelled") return;
    await sleep(150);
    job.cancelled = await persist(() =>
      cancel(context, scientist, job_id).then(
        () => true,
        (error: unknown) => {
          if (toAppError(error).kind === "conflict") return false; // it ended before
          throw error;
        },
      ),
    );
  };
  // Ten at a time, over about half of the storm: some are born in the middle of it.
  for (let n = 0; n < plan.jobs; n += 10) {
    await Promise.all(Array.from({ length: Math.min(10, plan.jobs - n) }, (_, k) => ask(n + k)));
  }
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

export async function submitBatches({ context, scientist }: Lab, { seed, items }: StormPlan): Promise<void> {
  const create = (name: string, from: number, count: number) => {
    const input = { pipeline: "xtb-singlepoint", name, molecules: chains(from, count) };
    const idempotencyKey = `storm ${seed} ${name}`;
    return persist(() => perform(context, createBatchOperation, scientist, input, { idempotencyKey }));
  };
  await create("first", 0, items);
  const half = Math.floor(items / 2);
  await create("half the same", half, items);
  const { batch_id } = await create("cancelled", items + half, half);
  await persist(() => perform(context, cancelBatchOperation, scientist, { batch_id }));
}

async function persist<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!["unavailable", "internal", "timeout"].includes(toAppError(error).kind)) throw error;
      await sleep(100);
    }
  }
}
