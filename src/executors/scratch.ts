import { mkdir, mkdtemp, readdir, realpath, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../errors.ts";
import { sha256 } from "../ids.ts";
import { killAll } from "./group.ts";
import { processesIn, processTable, readStat } from "./proc.ts";

/**
 * Private folders of runs. The name says whose it is: `run-<process table>-<pid>-<start>-<owner>-<random>`,
 * so that a later worker can tell a dead one's leftovers from a neighbour's running work.
 */
const NAME = /^run-([0-9a-f]{8})-(\d+)-(\d+)-/;
const PLAIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
/** Pids of another container or boot mean nothing here; no run lasts this long. */
const FOREIGN_AGE_MS = 24 * 3600 * 1000;

/** What all folder names of this worker begin with. */
export async function folderPrefix(owner: string): Promise<string> {
  const table = sha256(await processTable()).slice(0, 8);
  const start = (await readStat(process.pid))?.start_ticks ?? "0";
  const tame = owner.replaceAll(/[^A-Za-z0-9_]/g, "_").slice(0, 64);
  return `run-${table}-${process.pid}-${start}-${tame}-`;
}

/**
 * Makes a folder that only this user can enter and writes the files into it. Throws AppError `bad_input`
 * on a file name that is no plain name, `store_unavailable` where the disk says no.
 */
export async function makeFolder(
  scratch: string,
  prefix: string,
  files: Record<string, string | Uint8Array>,
): Promise<string> {
  const bad = Object.keys(files).find((name) => !PLAIN_NAME.test(name));
  if (bad !== undefined)
    throw new AppError("bad_input", `file name ${JSON.stringify(bad)} is not a plain name`);
  let folder: string | undefined;
  try {
    await mkdir(scratch, { recursive: true });
    // The kernel shows working folders without symbolic links: the sweep compares against that.
    folder = await mkdtemp(join(await realpath(scratch), prefix));
    for (const [name, content] of Object.entries(files))
      await writeFile(join(folder, name), content, { flag: "wx" });
    return folder;
  } catch (cause) {
    if (folder !== undefined) await removeFolder(folder);
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError(
      "store_unavailable",
      `the scratch folder can't be written (${why}): free space or set another`,
      { cause },
    );
  }
}

/** Removes a run's folder; a file that vanishes meanwhile is no error. */
export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 });
}

/** Kills what still works in a folder and waits, at most 2 s, until it is gone; how many there were. */
export async function clearFolder(folder: string): Promise<number> {
  const first = await processesIn(folder);
  killAll(first);
  for (let left = first, round = 0; left.length > 0 && round < 100; round++) {
    await sleep(20);
    left = await processesIn(folder);
    killAll(left);
  }
  return first.length;
}

/**
 * Ends and removes what dead workers left in `scratch`: a worker that was killed outright could not. A
 * folder of a living worker is never touched; one of another container or boot only after a day. Where
 * there is no /proc the folders go and processes are left to their time limit.
 */
export async function sweepLeftovers(scratch: string): Promise<{ folders: number; processes: number }> {
  const root = await realpath(scratch).catch(() => null);
  const swept = { folders: 0, processes: 0 };
  if (root === null) return swept;
  const table = sha256(await processTable()).slice(0, 8);
  for (const name of await readdir(root)) {
    const folder = join(root, name);
    if (!(await isLeftover(folder, name, table))) continue;
    swept.processes += await clearFolder(folder);
    await removeFolder(folder);
    swept.folders += 1;
  }
  return swept;
}

async function isLeftover(folder: string, name: string, table: string): Promise<boolean> {
  const [, owner_table, pid, start] = NAME.exec(name) ?? [];
  if (pid === undefined) return false;
  if (owner_table !== table) {
    const made = await stat(folder).catch(() => null);
    return made !== null && Date.now() - made.mtimeMs > FOREIGN_AGE_MS;
  }
  if (start !== "0") return (await readStat(Number(pid)))?.start_ticks !== start;
  return !isAlive(Number(pid));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
