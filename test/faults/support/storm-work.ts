import { setTimeout as sleep } from "node:timers/promises";
import type { Lab } from "../../support/worker.ts";
import { dice } from "./dice.ts";
import { type Progress, persist, unlessConflict } from "./persist.ts";
import type { StormPlan } from "./storm.ts";
import { cancel, submit, type Wish } from "./submit.ts";

type Kind = "single" | "program" | "graph" | "same" | "fails" | "cancelled";
export type Asked = { job_id: string; kind: Kind; cancelled: boolean };

/** What is killed again and again must not run out of attempts: that a job may fail of it is another test. */
const ATTEMPTS = 1000;

const KINDS = [
  "single",
  "graph",
  "same",
  "program",
  "fails",
  "program",
  "cancelled",
  "graph",
  "program",
  "program",
] as const;

/** `chance` decides how long a program runs: those that are worth killing 0.2 to 2 s. */
function wishOf(kind: Kind, chance: number): Wish {
  const seconds = (0.2 + 1.8 * chance).toFixed(2);
  if (kind === "single") return { script: "sleep 0.05; echo -1.5" };
  if (kind === "program") return { script: `sleep ${seconds}; echo -1.5` };
  if (kind === "graph") return { graph: { a: [], b: [], c: ["a", "b"] }, script: "sleep 0.2; echo -2.5" };
  if (kind === "same") return { script: "sleep 0.5; echo -3.5", reuse: true };
  if (kind === "fails") return { script: "exit 65", max_attempts: 3 };
  return { script: `sleep ${seconds}; echo -4.5` };
}

/** Every request until it is answered, under one key: whoever heard no answer asks again. */
export async function submitAll(
  { context, scientist }: Lab,
  plan: StormPlan,
  progress: Progress,
  asked: Asked[],
): Promise<void> {
  const random = dice(plan.seed + 1);
  const ask = async (n: number, chance: number) => {
    const kind = KINDS[n % KINDS.length] as Kind;
    const key = `storm ${plan.seed} ${n}`;
    const wish = { max_attempts: ATTEMPTS, ...wishOf(kind, chance) };
    const job_id = await persist(() => submit(context, scientist, wish, key));
    const job = { job_id, kind, cancelled: false };
    asked.push(job);
    if (kind !== "cancelled") return;
    await sleep(100 + 400 * chance);
    job.cancelled = await persist(() => unlessConflict(cancel(context, scientist, job_id)));
  };
  // Ten at a time, over most of the storm: whoever is killed has something to do.
  for (let n = 0; n < plan.jobs; n += 10) {
    await progress.reached(0.8 * Math.max(0, n / plan.jobs - 0.1));
    await Promise.all(Array.from({ length: Math.min(10, plan.jobs - n) }, (_, k) => ask(n + k, random())));
  }
}
