/** Where an engine runs. The worker is the consumer; `local` is the one adapter today. */
export type RunPlan = {
  /** Absolute path of the program, and its arguments; no shell sees them. */
  program: string;
  args: string[];
  /** The whole environment of the child. */
  env: Record<string, string>;
  /** Files to write into the private folder before the start: plain names, no paths. */
  files: Record<string, string | Uint8Array>;
  time_limit_seconds: number;
  memory_limit_bytes: number;
};

/** What is left when the child has ended, however it did. */
export type RunOutcome = {
  /** Private folder with the files that the program left; gone after `dispose()`. */
  folder: string;
  exit_code: number | null;
  signal: string | null;
  timed_out: boolean;
  /** True when the caller's AbortSignal ended it (lost lease, cancel, shutdown). */
  aborted: boolean;
  stdout: string;
  stderr: string;
  wall_seconds: number;
  /** CPU of the child as the executor saw it, at least; null where it can't tell. */
  cpu_seconds: number | null;
};

export type Executor = {
  /**
   * Runs a plan in a fresh private folder: own process group, one thread, output captured up to a
   * limit, killed as a group at the time limit or when `signal` aborts. Resolves whatever the child
   * did; rejects with AppError `store_unavailable` (no scratch space) or `unavailable` (program gone).
   */
  run(plan: RunPlan, options: { signal: AbortSignal }): Promise<RunOutcome & { dispose(): Promise<void> }>;
};
