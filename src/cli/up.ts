import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Command, InvalidArgumentError } from "commander";
import { AppError, toAppError } from "../errors.ts";
import { openLogger } from "../log.ts";
import { enrol, listProcesses, NODE_FLAGS } from "../processes.ts";
import { runReconciler, runSweeper } from "../relay/reconcile.ts";
import { adminPassword } from "../secrets.ts";
import type { Cli } from "./cli.ts";
import { portNumber, slotCount, whole } from "./options.ts";
import { howAdminSignsIn, seedForUp } from "./seed.ts";
import { type Address, addressOf, inWords, tellAddress } from "./serve.ts";

const LOG_BYTES = 10 * 1024 * 1024;
const LOGS_KEPT = 3;
const READY_SECONDS = 60;
const RESTART_MS = 2000;

type Options = Address & { detach?: boolean; workers: number; slots?: number };

export function register(program: Command, cli: Cli): void {
  program
    .command("up")
    .description("start everything: database, migrations, seed, relay, API, workers; Ctrl-C stops it all")
    .option("--detach", "go to the background; logs under the home")
    .option("--host <address>", "address of the API (API_HOST, else 127.0.0.1)")
    .option("--port <n>", "its port (API_PORT, else 8000; 0: any that is free)", portNumber)
    .option("--workers <n>", "worker processes", countOfWorkers, 1)
    .option("--slots <n>", "engine runs at once in each worker (WORKER_SLOTS, else cores)", slotCount)
    .action((options: Options) => (options.detach === true ? detach(cli, options) : up(cli, options)));
}

function countOfWorkers(text: string): number {
  const count = whole(text);
  if (count < 0) throw new InvalidArgumentError("It must be 0 or more.");
  return count;
}

async function up(cli: Cli, options: Options): Promise<void> {
  if (options.workers > cli.config.max_workers) {
    throw new AppError(
      "usage",
      `${options.workers} workers are more than MAX_WORKERS (${cli.config.max_workers})`,
    );
  }
  await refuseSecond(cli);
  const log = openLogger(cli.config.log_level);
  const context = await cli.context({ prepare: true, log, purpose: "up" });
  await resumeProvisioning(cli);
  await seedForUp(cli);
  // In this process: the relay is idle most of the time; it adds 14 MiB here, and a process of its own takes 165.
  const { startServer } = await import("../http/start.ts");
  const server = await startServer(context, addressOf(cli, options));
  const leave = await enrol(cli.home(), "up", server.url).catch(async (error: unknown) => {
    await server.stop();
    throw error;
  });
  const stop = new AbortController();
  const workers = Array.from({ length: options.workers }, () => keepWorker(options, stop.signal));
  let asked = 0;
  const onSignal = () => {
    const isFirst = asked++ === 0;
    stop.abort();
    for (const worker of workers) worker.signal(isFirst ? "SIGTERM" : "SIGKILL");
    void (isFirst ? server.stop() : server.kill());
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  tellAddress(cli, server.url);
  cli.out.say(
    `aliquot is up in ${cli.home()}: ${options.workers} worker(s). Ctrl-C stops it; the database stays until \`aliquot down\`.`,
  );
  try {
    await Promise.all([
      runReconciler(context, cli.config.reconcile_seconds, stop.signal, context.revive),
      runSweeper(context, cli.config.reconcile_seconds, stop.signal),
      ...workers.map((worker) => worker.done),
    ]);
  } finally {
    await server.stop();
    leave();
  }
}

async function refuseSecond(cli: Cli): Promise<void> {
  const running = (await listProcesses(cli.home())).find(({ kind }) => kind === "up");
  if (running !== undefined) {
    throw new AppError(
      "conflict",
      `aliquot is up already (process ${running.pid}): \`aliquot status\` shows it, \`aliquot down\` stops it`,
    );
  }
}

/** Organizations whose making was cut short are finished. */
async function resumeProvisioning(cli: Cli): Promise<void> {
  const { finishProvisioning } = await import("../orgs/finish.ts");
  await finishProvisioning(await cli.context(), (place, error) =>
    cli.out.say(`organization ${place.name} is not ready: ${toAppError(error).message}`),
  );
}

type KeptWorker = { done: Promise<void>; signal(name: NodeJS.Signals): void };

/** A worker process that is started again when it dies, until we are told to stop. */
function keepWorker(options: Options, stop: AbortSignal): KeptWorker {
  let child: ChildProcess | undefined;
  const run = async () => {
    while (!stop.aborted) {
      child = spawnWorker(options);
      const exited = new Promise<void>((resolve) =>
        child?.on("exit", () => resolve()).on("error", () => resolve()),
      );
      await exited;
      if (!stop.aborted) await sleep(RESTART_MS, undefined, { signal: stop }).catch(() => {});
    }
  };
  return { done: run(), signal: (name) => void child?.kill(name) };
}

function spawnWorker(options: Options): ChildProcess {
  const entry = process.argv[1] ?? "";
  const slots = options.slots === undefined ? [] : ["--slots", String(options.slots)];
  // Its standard input closes when we die, however we die, and it drains then. A group of its own, so
  // that Ctrl-C reaches it once, through us.
  return spawn(process.execPath, [...NODE_FLAGS, entry, "worker", "--with-parent", ...slots], {
    stdio: ["pipe", "inherit", "inherit"],
    detached: true,
  });
}

async function detach(cli: Cli, options: Options): Promise<void> {
  await refuseSecond(cli);
  const folder = join(cli.home(), "logs");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, "up.log");
  rotate(path);
  const log = openSync(path, "a", 0o600);
  const begins = statSync(path).size;
  const words = [
    "up",
    "--workers",
    String(options.workers),
    ...(options.slots === undefined ? [] : ["--slots", String(options.slots)]),
    ...(options.host === undefined ? [] : ["--host", options.host]),
    ...(options.port === undefined ? [] : ["--port", String(options.port)]),
  ];
  const child = spawn(process.execPath, [...NODE_FLAGS, process.argv[1] ?? "", ...words], {
    detached: true,
    stdio: ["ignore", log, log],
    env: { ...cli.io.env, ALIQUOT_HOME: cli.home() },
  });
  closeSync(log);
  let exited = false;
  child.on("exit", () => {
    exited = true;
  });
  const until = Date.now() + READY_SECONDS * 1000;
  while (Date.now() < until && !exited) {
    const listed = (await listProcesses(cli.home())).find(({ pid }) => pid === child.pid);
    if (listed !== undefined) {
      child.unref();
      cli.out.result(
        { pid: child.pid, home: cli.home(), log: path, url: listed.url ?? null },
        () => `aliquot is up (process ${child.pid}) at ${inWords(listed.url ?? "")}; its log is ${path}`,
      );
      const given = adminPassword(cli.io.env) !== undefined;
      cli.out.say(howAdminSignsIn(saidSince(path, begins), given));
      return;
    }
    await sleep(100);
  }
  const last = existsSync(path) ? saidSince(path, begins).trim().split("\n").at(-1) : "";
  // The line of a command that ended says whose it is, as ours will.
  const said = last?.replace(/^aliquot: /, "");
  if (!exited) child.kill("SIGTERM");
  throw new AppError("unavailable", `aliquot did not come up: ${said || "it said nothing"} (log: ${path})`);
}

/** What a log holds from a byte on. */
function saidSince(path: string, begins: number): string {
  return readFileSync(path).subarray(begins).toString();
}

/** up.log → up.log.1 → … when it has grown; the oldest goes. */
function rotate(path: string): void {
  if (!existsSync(path) || statSync(path).size < LOG_BYTES) return;
  rmSync(`${path}.${LOGS_KEPT}`, { force: true });
  for (let n = LOGS_KEPT - 1; n >= 1; n--) {
    if (existsSync(`${path}.${n}`)) renameSync(`${path}.${n}`, `${path}.${n + 1}`);
  }
  renameSync(path, `${path}.1`);
}
