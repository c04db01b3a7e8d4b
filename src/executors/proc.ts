import { readFileSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";

/**
 * What Linux tells about processes under /proc. Everywhere else these answer null or nothing, and the
 * callers say what they do without it.
 */

/** The kernel's clock ticks per second (USER_HZ): 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export type ProcessStat = {
  pid: number;
  /** 0 where the process has no terminal, as every engine: it leads a session of its own. */
  terminal: number;
  /** User and system time of the process and of its reaped children. */
  cpu_seconds: number;
  /** Clock ticks after boot: with the pid it names one process for ever. */
  start_ticks: string;
};

/** `/proc/<pid>/stat` as far as we use it; null when the process is gone or there is no /proc. */
export async function readStat(pid: number): Promise<ProcessStat | null> {
  const text = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => null);
  return text === null ? null : parseStat(pid, text);
}

/** The same without the thread pool: for who asks often, 0.05 ms of CPU in place of 0.5. */
export function readStatNow(pid: number): ProcessStat | null {
  try {
    return parseStat(pid, readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return null;
  }
}

/**
 * The fields of proc_pid_stat(5). The second one is the program's name in brackets and may itself hold
 * blanks and brackets, so counting starts behind the last bracket.
 */
export function parseStat(pid: number, text: string): ProcessStat | null {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const [terminal, start] = [fields[4], fields[19]];
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  if (terminal === undefined || start === undefined || !Number.isFinite(ticks)) return null;
  return { pid, terminal: Number(terminal), cpu_seconds: ticks / TICKS_PER_SECOND, start_ticks: start };
}

/** Processes without a terminal whose working folder is `folder` or lies in it; never ourselves. */
export async function processesIn(folder: string): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  const found: number[] = [];
  for (const pid of names.map(Number).filter((id) => Number.isInteger(id) && id !== process.pid)) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => null);
    if (cwd === null || !(cwd === folder || cwd.startsWith(`${folder}/`))) continue;
    // A person may have walked into the folder to look: a shell has a terminal and is left alone.
    if ((await readStat(pid))?.terminal === 0) found.push(pid);
  }
  return found;
}

/**
 * Which process table our pids belong to: this boot and this PID namespace. Two containers that share a
 * scratch volume both have a pid 7.
 */
export async function processTable(): Promise<string> {
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "latin1").catch(() => "");
  const namespace = await readlink("/proc/self/ns/pid").catch(() => "");
  return `${boot.trim()} ${namespace}`;
}
