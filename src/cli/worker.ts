import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { ENGINE_NAMES } from "../engines/registry.ts";
import { toAppError } from "../errors.ts";
import { openLogger } from "../log.ts";
import { enrol } from "../processes.ts";
import { countLater, type Later, MOST_LATER } from "../queue/operators-store.ts";
import type { TaskEnd } from "../worker/run.ts";
import { startWorker } from "../worker/start.ts";
import type { Cli } from "./cli.ts";
import { slotCount } from "./options.ts";
import { time } from "./out.ts";
import { registerWorkers } from "./workers.ts";

type RunOptions = { slots?: number; engines?: string[]; once?: boolean; withParent?: boolean };

export function register(program: Command, cli: Cli): void {
  const worker = program
    .command("worker")
    .description("run tasks of every organization until told to stop (Ctrl-C; twice ends at once)")
    .option("--slots <n>", "engine runs at once (WORKER_SLOTS, else cores)", slotCount)
    .option("--engines <names>", "only these of the engines that are found, with commas between", engineNames)
    .option("--once", "stop when nothing is left to take now, and say what was run")
    .option("--with-parent", "stop when standard input closes (used by `up`)")
    .action((options: RunOptions) => runWorkerCommand(cli, options));
  registerWorkers(worker, cli);
}

function engineNames(text: string): string[] {
  const names = text.split(",").map((name) => name.trim());
  const unknown = names.filter((name) => !ENGINE_NAMES.some((known) => known === name));
  if (unknown.length === 0) return names;
  throw new InvalidArgumentError(`There are ${ENGINE_NAMES.join(" and ")}.`);
}

async function runWorkerCommand(cli: Cli, options: RunOptions): Promise<void> {
  const slots = options.slots ?? cli.config.worker_slots;
  const log =
    options.withParent === true
      ? openLogger(cli.config.log_level)
      : openLogger(cli.config.log_level, join(cli.home(), "worker.log"));
  const context = await cli.context({ log, purpose: "worker" });
  const leave = await enrol(cli.home(), "worker");
  try {
    const { engines, once = false } = options;
    const ends = new Map<TaskEnd, number>();
    const worker = await startWorker(context, {
      slots,
      once,
      ...(engines === undefined ? {} : { engines }),
      ended: (end) => void ends.set(end, (ends.get(end) ?? 0) + 1),
    });
    for (const probe of worker.probes) {
      if (probe.found || engines?.includes(probe.name) === false) continue;
      cli.out.say(`${probe.name} is missing: its tasks wait. ${probe.how_to_install}`);
    }
    cli.out.say(`worker ${process.pid}: ${slots} slots, engines: ${worker.engines.join(", ") || "none"}`);
    obeySignals(worker, options.withParent === true ? cli.io.stdin : undefined);
    await worker.done;
    if (once) await tellOnce(cli, ends, worker.engines);
  } finally {
    leave();
    // An open pipe from the parent would keep this process alive.
    cli.io.stdin.pause();
    cli.io.stdin.unref?.();
  }
}

const WORDS: Record<TaskEnd, string> = {
  recorded: "computed",
  cached: "answered from the cache",
  failed: "failed",
  waits: "put off behind an identical one",
  lost: "lost to another worker or cancelled",
  given_back: "given back",
};

/** What a worker did that ends by itself: one document with --json, else words that are no result. */
async function tellOnce(cli: Cli, ends: Map<TaskEnd, number>, engines: string[]): Promise<void> {
  const { metadata } = await cli.context();
  const later = await countLater(metadata, engines).catch((error: unknown) => {
    // What was run is told all the same.
    cli.out.say(`what is left was not counted: ${toAppError(error).message}`);
    return null;
  });
  const count = (end: TaskEnd) => ends.get(end) ?? 0;
  const all = Object.keys(WORDS) as TaskEnd[];
  if (cli.out.json) {
    const told = Object.fromEntries(all.map((end) => [end, count(end)]));
    return cli.out.result({ engines, ...told, later }, () => "");
  }
  const words = all.filter((end) => count(end) > 0).map((end) => `${count(end)} ${WORDS[end]}`);
  cli.out.say(words.length === 0 ? "nothing was to be run" : `ran: ${words.join(", ")}`);
  for (const line of later === null ? [] : leftLines(later)) cli.out.say(line);
}

/** What is left for later, in words. */
export function leftLines({ tasks, first_at, resting_lanes, resting_until }: Later): string[] {
  const count = tasks < MOST_LATER ? `${tasks}` : `${tasks} or more`;
  const lanes = resting_lanes === 1 ? "tasks of 1 lane rest" : `tasks of ${resting_lanes} lanes rest`;
  return [
    ...(first_at === null
      ? []
      : [`${count} left whose time is still to come, the first at ${time(first_at)}: run it again then`]),
    ...(resting_until === null
      ? []
      : [`${lanes}, as their organization's database was away; the first until ${time(resting_until)}`]),
  ];
}

/** First signal: finish what runs. Second: end it now, its tasks go back. A closed parent counts as the first. */
function obeySignals(
  worker: { stop(): void; kill(): void },
  parent: NodeJS.ReadableStream | undefined,
): void {
  let asked = 0;
  const stop = () => (asked++ === 0 ? worker.stop() : worker.kill());
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  parent?.on("close", worker.stop).on("end", worker.stop).resume();
}
