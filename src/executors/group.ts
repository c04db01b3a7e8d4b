/**
 * Signals to a whole process group. An engine leads its own group, so whatever it forks is reached too,
 * unless that left the group on purpose; the scratch folder finds those (see `scratch.ts`).
 */
export function signalGroup(leader: number, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // ESRCH: nobody is left in it, which is what was wanted.
  }
}

/** Kills single processes outright. Those that ended meanwhile are no error. */
export function killAll(pids: number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
}
