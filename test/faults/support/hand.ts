// A worker with its reconciler, or a relay alone, in a process of its own: `node hand.ts JSON`. It does what it
// is told through the channel to its parent, and ends with it.

import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { parseConfig } from "../../../src/config.ts";
import { openContext } from "../../../src/context.ts";
import { toAppError } from "../../../src/errors.ts";
import { openLocalExecutor, sweepLeftovers } from "../../../src/executors/local.ts";
import { openLogger } from "../../../src/log.ts";
import { openWakeups } from "../../../src/queue/wakeups.ts";
import { runReconciler, runSweeper } from "../../../src/relay/reconcile.ts";
import { Secret } from "../../../src/secrets.ts";
import { runWorker } from "../../../src/worker/loop.ts";
import { FAKE, fakeEngine } from "../../support/engine.ts";
import { type HandOrders, PROGRAM, type Said, type Told } from "./hand-orders.ts";
import { itemEngine } from "./item-engine.ts";
import { type Point, watchDoors } from "./points.ts";

const orders = JSON.parse(process.argv[2] ?? "") as HandOrders;

/** A clock that was set wrong: all of this process reads it. */
function shiftClock(byMs: number): void {
  const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...args: unknown[]) {
      super(...((args.length === 0 ? [Real.now() + byMs] : args) as [number]));
    }
    static override now(): number {
      return Real.now() + byMs;
    }
  } as DateConstructor;
}

const say = (said: Said) => void process.send?.(said);

let deadline: { at: Point; skip: number } | undefined;
let barrier: { at: Point; open: PromiseWithResolvers<void> } | undefined;

async function at(point: Point): Promise<void> {
  if (deadline?.at === point && deadline.skip-- <= 0) {
    process.kill(process.pid, "SIGKILL");
    await new Promise(() => {});
  }
  if (barrier?.at === point) {
    say({ said: "hangs" });
    await barrier.open.promise;
  }
}

const under = {
  relaying: 0,
  "in a worker's transaction": 0,
  "in the metadata database": 0,
  [PROGRAM]: 0,
};

function freeze(): void {
  const { [PROGRAM]: _running, ...transactions } = under;
  if (Object.values(transactions).some((count) => count > 0)) {
    setTimeout(freeze, 1);
    return;
  }
  process.kill(process.pid, "SIGSTOP");
}

function began(what: keyof typeof under): () => void {
  under[what]++;
  tell();
  return () => {
    under[what]--;
    tell();
  };
}

let last = "";
function tell(): void {
  const busy = ([PROGRAM, "in a worker's transaction", "relaying"] as const).filter(
    (what) => under[what] > 0,
  );
  const what = busy.join(", ") || "idle or claiming";
  if (what === last) return;
  last = what;
  say({ said: "doing", what });
}

if (orders.clock_ms !== undefined) shiftClock(orders.clock_ms);
const context = await openContext({
  config: parseConfig({ DATABASE_URL: orders.url, DB_POOL_SIZE: "5", ...orders.env }).config,
  home: orders.home,
  secret: new Secret(orders.secret),
  say: () => {},
  log: openLogger("warn"),
  prepare: false,
  purpose: "test",
  toolkitThreads: 1,
});
watchDoors(context, { at, began });

const scratch = join(context.home, "scratch");
const [stop, kill] = [new AbortController(), new AbortController()];

async function work(): Promise<void> {
  const executor = openLocalExecutor({ scratch, owner: String(process.pid) });
  const counted: typeof executor.run = async (plan, options) => {
    const ended = began(PROGRAM);
    try {
      return await executor.run(plan, options);
    } finally {
      ended();
    }
  };
  const { slots, lease_seconds, reconcile_seconds } = orders;
  const engines = new Map([
    [FAKE, fakeEngine()],
    ["xtb", itemEngine()],
  ]);
  const wakeups = openWakeups(context, [...engines.keys()]);
  const loops = [
    runWorker(
      { services: context, executor: { run: counted }, wakeups },
      { slots, lease_seconds, version: "test", engines, probes: [] },
      { stop: stop.signal, kill: kill.signal },
    ).finally(() => stop.abort()),
  ];
  if (orders.alone !== true) {
    loops.push(runReconciler(context, reconcile_seconds, stop.signal));
    loops.push(runSweeper(context, reconcile_seconds, stop.signal));
  }
  for (const loop of loops) loop.catch(() => stop.abort());
  await Promise.all(loops);
  await wakeups[Symbol.asyncDispose]();
  await executor[Symbol.asyncDispose]();
}

async function relay(org_id: string): Promise<void> {
  const error = await context.results.relay(org_id).then(
    () => null,
    (thrown: unknown) => toAppError(thrown).message,
  );
  say({ said: "relayed", error });
}

async function end(code: number): Promise<void> {
  await context[Symbol.asyncDispose]().catch(() => {});
  process.exit(code);
}

process.on("disconnect", () => process.exit(1));
process.on("message", (told: Told) => {
  if (told.do === "die") deadline = { at: told.at, skip: told.skip };
  if (told.do === "live") deadline = undefined;
  if (told.do === "hang") barrier = { at: told.at, open: Promise.withResolvers() };
  if (told.do === "go on") {
    barrier?.open.resolve();
    barrier = undefined;
  }
  if (told.do === "freeze") freeze();
  if (told.do === "step") shiftClock(told.clock_ms);
  if (told.do === "relay") void relay(told.org_id);
  if (told.do === "stop") {
    stop.abort();
    if (last === "") void end(0);
  }
  if (told.do === "work") {
    tell();
    work().then(
      () => end(0),
      (error: unknown) => {
        console.error(error);
        return end(1);
      },
    );
  }
});
await sweepLeftovers(scratch);
flushCompileCache(); // who is killed has no other occasion
say({ said: "ready" });
