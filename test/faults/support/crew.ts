import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Cleaner, TestContext } from "../../support/context.ts";
import { type TestServer, testServer } from "../../support/server.ts";
import type { HandOrders, Said, Told } from "./hand-orders.ts";

/** A process of ours that may be killed at any moment. */
export type Hand = {
  pid: number;
  /** Resolves when its context is open; it does nothing before it is told to. */
  ready: Promise<void>;
  /** Exit code and signal. */
  ended: Promise<[number | null, NodeJS.Signals | null]>;
  alive(): boolean;
  /** What it was doing when it was last heard of. */
  doing(): string;
  tell(told: Told): void;
  /** The next time that it says so. */
  says(what: Said["said"]): Promise<Said>;
  signal(name: NodeJS.Signals): void;
  /** What it wrote on stderr: its log and its last words. */
  log(): string;
};

const SCRIPT = join(import.meta.dirname, "hand.ts");

/** Starts a process against the database and the home of a context; killed when the test ends. */
export async function startHand(
  t: Cleaner,
  context: TestContext,
  options: Partial<HandOrders> & { server?: TestServer } = {},
): Promise<Hand> {
  const { server, ...wishes } = options;
  const { secret, base } = server ?? (await testServer());
  const orders: HandOrders = {
    url: context.config.database_url ?? "",
    home: context.home,
    secret,
    slots: 2,
    lease_seconds: 3,
    reconcile_seconds: 1,
    ...wishes,
  };
  const compiled = process.env["NODE_COMPILE_CACHE"] ?? join(base, "compiled");
  const child = spawn(process.execPath, [SCRIPT, JSON.stringify(orders)], {
    // Most of a start is reading the sources: those that come later find them compiled.
    env: { PATH: process.env["PATH"] ?? "", NODE_COMPILE_CACHE: compiled },
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const hand = handOf(child);
  t.after(async () => {
    if (!hand.alive()) return;
    child.kill("SIGKILL");
    await hand.ended;
  });
  return hand;
}

function handOf(child: ChildProcess): Hand {
  let [doing, log] = ["starting", ""];
  const waiting: { what: Said["said"]; heard: (said: Said) => void }[] = [];
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log = (log + text).slice(-20_000);
  });
  child.on("message", (said: Said) => {
    if (said.said === "doing") doing = said.what;
    for (const waiter of waiting.filter(({ what }) => what === said.said)) {
      waiting.splice(waiting.indexOf(waiter), 1);
      waiter.heard(said);
    }
  });
  const ended = once(child, "exit") as Hand["ended"];
  const says = (what: Said["said"]) =>
    Promise.race([
      new Promise<Said>((heard) => waiting.push({ what, heard })),
      ended.then(([code, signal]): never => {
        throw new Error(`the process ended (${code ?? signal}) before it said ${what}: ${log}`);
      }),
    ]);
  const ready = says("ready").then(() => {});
  ready.catch(() => {}); // whoever awaits it sees the error
  return {
    pid: child.pid ?? 0,
    ready,
    ended,
    alive: () => child.exitCode === null && child.signalCode === null,
    doing: () => doing,
    tell: (told) => {
      if (child.connected) child.send(told, () => {});
    },
    says,
    signal: (name) => void child.kill(name),
    log: () => log,
  };
}

/** Tells a process to come to a point and die there; resolves when it has. */
export async function dies(hand: Hand): Promise<void> {
  const [code, signal] = await hand.ended;
  if (signal !== "SIGKILL")
    throw new Error(`it ended with ${code ?? signal} instead of being killed: ${hand.log()}`);
}
