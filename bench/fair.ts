import { newId } from "../src/ids.ts";
import { createOrgOperation } from "../src/orgs/operations.ts";
import { perform } from "../src/perform.ts";
import { asSuperuser } from "./bare-rows.ts";
import { type Lab, openLab } from "./lab.ts";
import { type Benchmark, item, median } from "./measure.ts";
import { NOTHING, nothingPipeline, type Place, startIdleWorker, submitNothing } from "./nothing.ts";

const TASK_MS = 50;

export const benchmark: Benchmark = {
  name: "fair",
  about: `a single job beside a long queue of one organization, in lengths of a task of ${TASK_MS} ms, real workers`,
  async run({ quick, say }) {
    const queued = quick ? 50_000 : 1_000_000;
    const rounds = quick ? 5 : 12;
    await using lab = await openLab();
    const { org_id } = await perform(lab.context, createOrgOperation, lab.principal, { name: "Neighbour" });
    const neighbour = { context: lab.context, principal: { ...lab.principal, org_id } };
    const colleague = { context: lab.context, principal: { ...lab.principal, user_id: newId() } };
    const real = await fillQueue(lab, queued, quick ? 1000 : 3000);
    say(`${queued} tasks of one organization are queued; the first ${real} of them have jobs`);
    const items = [];
    for (const slots of [1, 4]) {
      const { length_ms, waits } = await measure(lab, slots, rounds, { neighbour, colleague });
      say(`${slots} slots: a task takes ${length_ms.toFixed(0)} ms from one start to the next`);
      const lengths = (name: "neighbour" | "colleague") => waits[name].map((ms) => ms / length_ms);
      const rows = [
        ["another organization's single job", lengths("neighbour"), 2],
        ["a colleague's single job", lengths("colleague"), 4],
      ] as const;
      for (const [name, values, most] of rows) {
        say(`${name}: ${values.map((value) => value.toFixed(1)).join(" ")}`);
        items.push(
          item(`${name} starts within, ${slots} slots`, "task lengths", median(values), null, {
            of: "value",
            most,
          }),
          item("the same, the longest wait", "task lengths", Math.max(...values)),
        );
      }
    }
    return items;
  },
};

/**
 * A long queue of one person: real jobs for as long as the measurement may last, and behind them rows of the queue
 * alone, which only a queue that is unfair would come to. Returns how many are real.
 */
async function fillQueue(lab: Lab, queued: number, real: number): Promise<number> {
  for (let at = 0; at < real; at += 1000) await submitNothing(lab, 1000);
  await asSuperuser(lab, "metadata", async (client) => {
    await client.query(
      `INSERT INTO task_queue (org_id, job_id, task_name, generation, engine, priority, rank, available_at, fence)
       SELECT $1, new_id(), 'run', 1, $2, 5, (SELECT max(rank) FROM task_queue) + n, now(), 0 FROM generate_series(1, $3::int) AS n`,
      [lab.principal.org_id, NOTHING, queued - real],
    );
    await client.query("VACUUM ANALYZE task_queue");
  });
  return real;
}

type Singles = { neighbour: Place; colleague: Place };

/** Waits in ms from the moment that a single job is queued until its program would begin, one after the other. */
async function measure(lab: Lab, slots: number, rounds: number, singles: Singles) {
  const starts: number[] = [];
  const begun = new Map<string, (at: number) => void>();
  const early = new Map<string, number>();
  const worker = startIdleWorker(lab.context, {
    slots,
    wait_ms: TASK_MS,
    started: (jobId) => {
      const at = performance.now();
      starts.push(at);
      const tell = begun.get(jobId);
      if (tell === undefined) early.set(jobId, at);
      else tell(at);
    },
  });
  const startOf = (jobId: string) =>
    new Promise<number>((resolve) => {
      const at = early.get(jobId);
      if (at === undefined) begun.set(jobId, resolve);
      else resolve(at);
    });
  const pipeline = nothingPipeline();
  const waits: Record<keyof Singles, number[]> = { neighbour: [], colleague: [] };
  try {
    await runsOn(starts, slots * 5);
    for (let round = 0; round < rounds; round++) {
      for (const name of ["neighbour", "colleague"] as const) {
        const [job = ""] = await submitNothing(singles[name], 1, pipeline);
        const queued = performance.now();
        waits[name].push(Math.max(0, (await startOf(job)) - queued));
        await runsOn(starts, slots * 3);
      }
    }
  } finally {
    worker.stop();
    await worker.done;
  }
  const [first = 0, last = 0] = [starts[0], starts.at(-1)];
  return { length_ms: ((last - first) * slots) / (starts.length - 1), waits };
}

/** Until so many more tasks were started: the queue is at work again before the next single job comes. */
async function runsOn(starts: number[], count: number): Promise<void> {
  const until = starts.length + count;
  while (starts.length < until) await new Promise((resolve) => setTimeout(resolve, TASK_MS / 5));
}
