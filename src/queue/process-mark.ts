import { processTable, readStat } from "../executors/proc.ts";

/**
 * What names a process for ever to those who see the same processes: their process table (boot and namespace) and
 * when it began. Null where the system does not tell.
 */
export async function markOf(pid: number): Promise<string | null> {
  const stat = await readStat(pid);
  return stat === null ? null : `${await processTable()} ${stat.start_ticks}`;
}

/**
 * True where the process is certainly gone: it was marked in the process table that we see, and its pid is
 * nobody's or another's now. Of other machines and containers nothing is said.
 */
export async function isGone(pid: number, mark: string): Promise<boolean> {
  if (!mark.startsWith(`${await processTable()} `)) return false;
  // Our own /proc must be readable at all before a missing entry means anything.
  if ((await readStat(process.pid)) === null) return false;
  return (await markOf(pid)) !== mark;
}
