import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readStat } from "./executors/proc.ts";

/**
 * How `up` starts itself and its workers: with a young generation of 4 MiB. Over a batch of a million items the peak of
 * two processes fell from 712 to 475 MiB, and a task that does nothing took 13 to 18 % less CPU (bench memory, noop; two
 * runs each). `bin/aliquot.js` says it once more for Node 20, which starts Node 24; where a command is itself run by Node 24
 * it can't be set any more.
 */
export const NODE_FLAGS = ["--max-semi-space-size=4"];

/** A long-lived process of a home: what it is, and when it began, so that a recycled pid is not believed. */
export type HomeProcess = {
  pid: number;
  kind: "up" | "serve" | "worker" | "wait";
  started: string;
  since: string;
  /** Where it serves the API, if it does. */
  url?: string;
};

/** Notes that this process belongs to the home; call the returned function when it ends. */
export async function enrol(home: string, kind: HomeProcess["kind"], url?: string): Promise<() => void> {
  const folder = join(home, "run");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, `${process.pid}.json`);
  const entry: HomeProcess = {
    pid: process.pid,
    kind,
    started: await startOf(process.pid),
    since: new Date().toISOString(),
    ...(url === undefined ? {} : { url }),
  };
  // Aside and renamed: a reader never meets half a note.
  writeFileSync(`${path}.tmp`, JSON.stringify(entry));
  renameSync(`${path}.tmp`, path);
  return () => rmSync(path, { force: true });
}

/** Processes of the home that are alive; notes of dead ones are removed. */
export async function listProcesses(home: string): Promise<HomeProcess[]> {
  const folder = join(home, "run");
  const alive: HomeProcess[] = [];
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const entry = readEntry(path);
    if (entry === undefined) continue;
    if (await isStill(entry)) alive.push(entry);
    else rmSync(path, { force: true });
  }
  return alive;
}

/**
 * Ends processes in good order: SIGTERM, a second one at once where they are to drop what they run, and
 * SIGKILL for those that remain after `patience_ms`.
 */
export async function endProcesses(
  processes: HomeProcess[],
  how: { patience_ms: number; drop: boolean },
): Promise<{ ended: number; killed: number }> {
  for (const { pid } of processes) signal(pid, "SIGTERM");
  if (how.drop) {
    await sleep(100); // two signals at once are one
    for (const { pid } of processes) signal(pid, "SIGTERM");
  }
  const until = Date.now() + how.patience_ms;
  while (processes.some(({ pid }) => isAlive(pid)) && Date.now() < until) await sleep(50);
  const stubborn: HomeProcess[] = [];
  for (const entry of processes) if (await isStill(entry)) stubborn.push(entry);
  for (const { pid } of stubborn) signal(pid, "SIGKILL");
  return { ended: processes.length - stubborn.length, killed: stubborn.length };
}

/** Whether a noted process lives, and is the one that was noted. */
async function isStill(entry: HomeProcess): Promise<boolean> {
  return isAlive(entry.pid) && (await startOf(entry.pid)) === entry.started;
}

const STOPPING = "stopping";

/** From now on nothing of this home starts its database again by itself. */
export function markStopping(home: string): void {
  mkdirSync(join(home, "run"), { recursive: true, mode: 0o700 });
  writeFileSync(join(home, "run", STOPPING), "");
}

/** A command that needs the database takes the mark away. */
export function clearStopping(home: string): void {
  rmSync(join(home, "run", STOPPING), { force: true });
}

export function isStopping(home: string): boolean {
  return existsSync(join(home, "run", STOPPING));
}

/** Ticks since boot at which a process began, on Linux; elsewhere the pid has to do. */
async function startOf(pid: number): Promise<string> {
  const stat = await readStat(pid);
  return stat === null ? "unknown" : String(stat.start_ticks);
}

/** A zombie counts as dead: where nobody reaps it, its pid answers for ever. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function isZombie(pid: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // it ended by itself
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json"));
  } catch {
    return [];
  }
}

function readEntry(path: string): HomeProcess | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as HomeProcess;
  } catch {
    return undefined;
  }
}
