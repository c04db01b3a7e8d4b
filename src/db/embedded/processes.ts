import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import { codeOf, hashedName, readOptional, unavailable, waitUntil } from "./files.ts";

/** The main process of a running server, as its `postmaster.pid` tells. */
export type Postmaster = { pid: number; port: number; socket_dir: string; status: string };

/** The name in the process titles. It carries the data folder, so that `serves` can tell clusters apart. */
export function clusterName(dataDir: string): string {
  return `aliquot-${hashedName(dataDir).slice(0, 8)}`;
}

/** What `postmaster.pid` says, be it true or stale; undefined where it is absent or half-written. */
export function readPidFile(dataDir: string): Postmaster | undefined {
  const lines = readOptional(join(dataDir, "postmaster.pid"))?.split("\n") ?? [];
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const [port, socketDir, status] = [Number(lines[3]), lines[4] ?? "", lines[7]?.trim() ?? ""];
  return { pid, port, socket_dir: socketDir, status };
}

/** The running server of this data folder, or undefined: a stale `postmaster.pid` is not believed. */
export function findPostmaster(dataDir: string): Postmaster | undefined {
  const named = readPidFile(dataDir);
  return named !== undefined && serves(named.pid, dataDir) ? named : undefined;
}

/** Whether the process is a PostgreSQL process of this data folder. Zombies and recycled pids are not. */
export function serves(pid: number, dataDir: string): boolean {
  if (process.platform !== "linux") return isAlive(pid);
  // The name keeps an operator's shell that stands in the data folder out of it.
  if (readProc(pid, "comm").trim() !== "postgres") return false;
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === dataDir;
  } catch (error) {
    // Root in a container without CAP_SYS_PTRACE (Docker's default) may not read another user's cwd, but
    // titles are for everyone: the main process keeps its arguments, its children carry the cluster's name.
    if (codeOf(error) !== "EACCES" && codeOf(error) !== "EPERM") return false;
    const words = readProc(pid, "cmdline").split("\0");
    return words.includes(dataDir) || (words[0] ?? "").startsWith(`postgres: ${clusterName(dataDir)}:`);
  }
}

/** Whether a process of this number exists, whosever it is. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** Every PostgreSQL process of this data folder. Outside Linux none are found. */
export function findProcesses(dataDir: string): number[] {
  if (process.platform !== "linux") return [];
  return listPids().filter((pid) => serves(pid, dataDir));
}

function listPids(): number[] {
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

/**
 * Ends the backends that outlive a killed main process: they hold its shared memory, and no server starts
 * while they do. Returns how many there were. Throws `unavailable` when they will not go.
 */
export async function endOrphans(dataDir: string): Promise<number> {
  const orphans = findProcesses(dataDir);
  for (const signal of ["SIGQUIT", "SIGKILL"] as const) {
    for (const pid of orphans) if (serves(pid, dataDir)) sendSignal(pid, signal);
    const gone = () => orphans.every((pid) => !serves(pid, dataDir));
    if (await waitUntil(gone, signal === "SIGQUIT" ? 5000 : 2000)) return orphans.length;
  }
  throw unavailable(
    `processes ${orphans.join(", ")} of the dead server in ${dataDir} do not end: end them, then try again`,
  );
}

/**
 * Ends an initdb that outlives its command, and waits for the servers that it runs: it closes their input,
 * and they leave no shared memory behind, as they would where their folder was deleted under them.
 */
export async function endInitdb(dataDir: string): Promise<void> {
  for (const pid of findInitdb(dataDir)) sendSignal(pid, "SIGTERM");
  const running = () => findInitdb(dataDir).length + findProcesses(dataDir).length;
  await waitUntil(() => running() === 0, 10_000);
}

/** Every initdb that makes this data folder. Outside Linux none are found. */
export function findInitdb(dataDir: string): number[] {
  if (process.platform !== "linux") return [];
  const makes = (pid: number) => readProc(pid, "cmdline").split("\0").includes(dataDir);
  return listPids().filter((pid) => readProc(pid, "comm").trim() === "initdb" && makes(pid));
}

/**
 * Stops a server: fast (clients are cut, a checkpoint is written), and after 30 s at once (the next start
 * recovers). It is never killed outright. Throws `unavailable`; `forbidden` where it is another user's.
 */
export async function stopPostmaster(postmaster: Postmaster, dataDir: string): Promise<void> {
  const gone = () => !serves(postmaster.pid, dataDir);
  sendSignal(postmaster.pid, "SIGINT");
  if (await waitUntil(gone, 30_000)) return;
  sendSignal(postmaster.pid, "SIGQUIT");
  if (await waitUntil(gone, 10_000)) return;
  throw unavailable(`the server in ${dataDir} (process ${postmaster.pid}) does not stop: see its log`);
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== "EPERM") return;
    throw new AppError(
      "forbidden",
      `process ${pid} belongs to another user: run this as that user or as root`,
      {
        cause: error,
      },
    );
  }
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
