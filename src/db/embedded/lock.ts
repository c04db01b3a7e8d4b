import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from "node:fs";
import { codeOf, reasonOf, unavailable, waitUntil } from "./files.ts";
import { isAlive } from "./processes.ts";

/**
 * One command at a time makes, repairs, starts or stops the server of a home; joining takes no lock.
 * The lock is a symbolic link whose target names its holder: made in one step, with its text in it, so no
 * kill leaves a lock without a name. A holder that died is known by pid and start time, and its lock broken.
 */
const WAIT_MS = 90_000;

/** Runs `work` under the lock and returns its value. Throws `unavailable` after 90 s, and what `work` throws. */
export async function withLock<T>(path: string, work: () => Promise<T>, waitMs = WAIT_MS): Promise<T> {
  // The random part keeps two calls in one process apart.
  const me = `${holderName(process.pid)}:${randomBytes(4).toString("hex")}`;
  if (!(await waitUntil(() => take(path, me), waitMs, 10))) {
    throw unavailable(
      `another command (process ${holderOf(path)?.split(":")[0]}) has held ${path} for ${waitMs / 1000} s: wait for it or end it`,
    );
  }
  try {
    return await work();
  } finally {
    if (holderOf(path) === me) unlinkSync(path);
  }
}

function take(path: string, me: string): boolean {
  try {
    symlinkSync(me, path);
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") {
      throw unavailable(`cannot make the lock ${path}: ${reasonOf(error)}; make the home writable`, error);
    }
  }
  const holder = holderOf(path);
  if (holder !== undefined && !isHolderAlive(holder)) breakLock(path, holder);
  return false;
}

/** Moved aside first, then looked at: of several that break one stale lock, none deletes a fresh one. */
function breakLock(path: string, stale: string): void {
  const aside = `${path}.stale-${randomBytes(4).toString("hex")}`;
  try {
    renameSync(path, aside);
    if (readlinkSync(aside) === stale) unlinkSync(aside);
    else renameSync(aside, path);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw unavailable(`cannot break ${path}: ${reasonOf(error)}`, error);
  }
}

function holderOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function isHolderAlive(holder: string): boolean {
  const pid = Number(holder.split(":")[0]);
  return isAlive(pid) && holder.startsWith(`${holderName(pid)}:`);
}

/** Pid and start time: in containers pids are small and soon used again. A zombie has no name. */
function holderName(pid: number): string {
  if (process.platform !== "linux") return `${pid}:0`;
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The program's name, field 2, may hold blanks and brackets: count from behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" || fields[0] === "X" ? "" : `${pid}:${fields[19]}`;
  } catch {
    return "";
  }
}
