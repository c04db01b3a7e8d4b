// A process of the memory benchmark: `HOME ORG create ITEMS` or `HOME ORG work TASKS`. Prints what it saw of itself.
import { localPrincipal, type OrgPrincipal } from "../src/access/principal.ts";
import { addToBatchOperation, createBatchOperation, sealBatchOperation } from "../src/batches/operations.ts";
import type { Context } from "../src/context.ts";
import { perform } from "../src/perform.ts";
import { runReconciler } from "../src/relay/reconcile.ts";
import { openHome } from "./lab.ts";
import { startIdleWorker } from "./nothing.ts";

export type Seen = {
  count: number;
  seconds: number;
  peak_mib: number;
  /** Resident memory, evenly through the work. */
  samples_mib: number[];
  /** What is still referred to after the collector ran: least of some looks before a quarter was done, and at the end. */
  kept_mib: { early: number; late: number };
};

const MIB = 2 ** 20;
/** Every engine that waits is a worker's whole business: more slots than one would have programs. */
const SLOTS = 50;
const RECONCILE_SECONDS = 5;

const samples_mib: number[] = [];
const kept_mib = { early: Infinity, late: Infinity };

/** `done` is the share of the work. */
function sample(done: number): void {
  samples_mib.push(process.memoryUsage.rss() / MIB);
  const time = done > 0.2 && done <= 0.25 ? "early" : done > 0.95 ? "late" : null;
  if (time === null) return;
  globalThis.gc?.();
  kept_mib[time] = Math.min(kept_mib[time], process.memoryUsage().heapUsed / MIB);
}

/** All molecules of the organization as items of one batch, a page a request. Returns how many. */
async function create(context: Context, principal: OrgPrincipal, items: number): Promise<number> {
  const page = Math.ceil(items / 100);
  let answer = await perform(context, createBatchOperation, principal, {
    pipeline: "xtb-optimize",
    registered: { limit: page },
    seal: false,
    reuse: false,
  });
  const { batch_id } = answer;
  while (answer.next_after !== null) {
    const registered = { after: answer.next_after, limit: page };
    answer = await perform(context, addToBatchOperation, principal, { batch_id, registered });
    sample(answer.total_items / items);
  }
  await perform(context, sealBatchOperation, principal, { batch_id });
  return answer.total_items;
}

/** Jobs of the batch as they come, by a worker with its reconciler, until so many are recorded. */
async function work(context: Context, tasks: number): Promise<number> {
  const stop = new AbortController();
  const reconciler = runReconciler(context, RECONCILE_SECONDS, stop.signal, context.revive);
  let left = tasks;
  const worker = startIdleWorker(context, {
    slots: SLOTS,
    wait_ms: 0,
    engine: "xtb",
    started: () => {
      if (--left === 0) worker.stop();
      if (left % Math.ceil(tasks / 100) === 0) sample(1 - left / tasks);
    },
  });
  await worker.done;
  stop.abort();
  await reconciler;
  return tasks - Math.min(0, left);
}

const [home = "", org_id = "", part = "", count = ""] = process.argv.slice(2);
await using context = await openHome(home);
const principal = { ...(await localPrincipal(context.metadata, "admin", org_id)), org_id };
const began = performance.now();
const done =
  part === "create" ? await create(context, principal, Number(count)) : await work(context, Number(count));
const seconds = (performance.now() - began) / 1000;
// In kB, as getrusage(2) says it on Linux.
const peak_mib = process.resourceUsage().maxRSS / 1024;
process.stdout.write(
  JSON.stringify({ count: done, seconds, peak_mib, samples_mib, kept_mib } satisfies Seen),
);
