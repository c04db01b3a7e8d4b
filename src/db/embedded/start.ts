import { spawn } from "node:child_process";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Account } from "./account.ts";
import type { Binaries } from "./binaries.ts";
import { reasonOf, unavailable, waitUntil } from "./files.ts";
import { telling } from "./initdb.ts";
import {
  clusterName,
  findPostmaster,
  type Postmaster,
  readPidFile,
  serves,
  stopPostmaster,
} from "./processes.ts";
import { PORT, socketPath } from "./sockets.ts";
import type { Home } from "./state.ts";

export type StartOptions = {
  dataDir: string;
  socketDir: string;
  account: Account;
  binaries: Binaries;
  fast: boolean;
  maxConnections: number;
};

const START_LIMIT_MS = 30_000;
const LOG_LIMIT_BYTES = 10 * 1024 * 1024;

/** The log of the home's server. */
export function logFile(home: Home): string {
  return join(home.path, "logs/postgres.log");
}

/**
 * Starts the server, apart from this process and its terminal, and waits until it takes connections.
 * Throws `unavailable` with the log's last line after 30 s, or when it ends.
 */
export async function startPostmaster(home: Home, options: StartOptions): Promise<Postmaster> {
  const log = openLog(home);
  const begin = statSync(logFile(home)).size;
  let ended: string | undefined;
  try {
    const child = spawn(join(options.binaries.folder, "bin/postgres"), serverArguments(options), {
      ...options.account.as,
      cwd: "/",
      env: { LC_ALL: "C" },
      detached: true,
      stdio: ["ignore", log, log],
    });
    child.once("error", (error) => {
      ended = reasonOf(error);
    });
    child.once("exit", (code, signal) => {
      ended = `status ${code ?? signal}`;
    });
    child.unref();
    await waitUntil(() => ended !== undefined || isReady(options.dataDir, child.pid), START_LIMIT_MS);
  } finally {
    closeSync(log);
  }
  // Where ours ended, another one may have been faster: then that one is the server.
  const postmaster = findPostmaster(options.dataDir);
  if (postmaster !== undefined) return awaitReady(home, postmaster, options.dataDir);
  const last = telling(readFileSync(logFile(home)).subarray(begin).toString("utf8"));
  throw unavailable(
    `the embedded server did not start (${ended ?? "no answer"}): ${last || "no line in its log"}; see ${logFile(home)}`,
  );
}

/**
 * Waits until a running server takes connections. Throws `unavailable` after 30 s: after a crash it may
 * still be recovering, and goes on doing so.
 */
export async function awaitReady(home: Home, running: Postmaster, dataDir: string): Promise<Postmaster> {
  const decided = () => isReady(dataDir, running.pid) || !serves(running.pid, dataDir);
  await waitUntil(decided, START_LIMIT_MS);
  const postmaster = findPostmaster(dataDir);
  if (postmaster?.status === "ready") return postmaster;
  throw unavailable(
    `the embedded server (process ${running.pid}) takes no connections yet (${postmaster?.status || "starting"}): try again in a minute, or see ${logFile(home)}`,
  );
}

/**
 * The running server of a data folder, ready, or undefined. One that is about to stop is waited for, and one
 * whose socket somebody deleted is stopped, as nobody could reach it. Throws `unavailable`.
 */
export async function settle(home: Home, dataDir: string): Promise<Postmaster | undefined> {
  const running = findPostmaster(dataDir);
  if (running?.status === "stopping") {
    await waitUntil(() => findPostmaster(dataDir) === undefined, START_LIMIT_MS);
    return undefined;
  }
  if (running === undefined) return undefined;
  const ready = await awaitReady(home, running, dataDir);
  if (existsSync(socketPath(ready.socket_dir, ready.port))) return ready;
  await stopPostmaster(ready, dataDir);
  return undefined;
}

function isReady(dataDir: string, pid: number | undefined): boolean {
  const named = readPidFile(dataDir);
  return named?.pid === pid && named?.status === "ready";
}

function serverArguments(options: StartOptions): string[] {
  const settings = [
    "listen_addresses=",
    `cluster_name=${clusterName(options.dataDir)}`,
    `max_connections=${options.maxConnections}`,
    "shared_preload_libraries=pg_stat_statements",
    "jit=off",
    // Errors belong to the client: their statements and details hold structures and results.
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
  ];
  // With 80,000 files a start after a crash took 0.17 s in place of 4.3 s.
  if (process.platform === "linux") settings.push("recovery_init_sync_method=syncfs");
  if (options.fast)
    settings.push("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off");
  const place = ["-D", options.dataDir, "-k", options.socketDir, "-p", String(PORT)];
  return [...place, ...settings.flatMap((setting) => ["-c", setting])];
}

/** Opened by this process: the server writes through it also where its account cannot enter the home. */
function openLog(home: Home): number {
  const file = logFile(home);
  try {
    mkdirSync(dirname(file), { recursive: true });
    if (existsSync(file) && statSync(file).size > LOG_LIMIT_BYTES) renameSync(file, `${file}.1`);
    const log = openSync(file, "a", 0o600);
    for (const path of home.owner ? [dirname(file), file] : []) {
      chownSync(path, home.owner?.uid ?? 0, home.owner?.gid ?? 0);
    }
    return log;
  } catch (error) {
    throw unavailable(`cannot write ${file}: ${reasonOf(error)}; make room or give access there`, error);
  }
}
