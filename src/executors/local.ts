import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { AppError } from "../errors.ts";
import { NEVER_STARTED, runChild } from "./child.ts";
import type { Executor, RunOutcome, RunPlan } from "./executor.ts";
import { findGuard, type Guard } from "./guard.ts";
import { clearFolder, folderPrefix, makeFolder, removeFolder } from "./scratch.ts";

export { sweepLeftovers } from "./scratch.ts";

export type LocalExecutorOptions = {
  /** Folder for the private folders of runs; made when missing. */
  scratch: string;
  /** Worker id; appears in folder names only. */
  owner: string;
};

/**
 * Runs engines as children on this machine. Open it on the main thread: the kernel's death signal is
 * bound to the thread that forked, so an executor in a worker thread would lose its engines with it.
 * Closing it ends what still runs (those runs, and later ones, resolve as aborted) and removes every folder it made.
 */
export function openLocalExecutor(options: LocalExecutorOptions): Executor & AsyncDisposable {
  const closing = new AbortController();
  const running = new Set<Promise<RunOutcome>>();
  const folders = new Set<string>();
  let setup: Promise<[Guard, string]> | undefined;

  async function run(plan: RunPlan, { signal }: { signal: AbortSignal }) {
    if (closing.signal.aborted) return { ...NEVER_STARTED, folder: "", dispose: async () => {} };
    setup ??= Promise.all([findGuard(), folderPrefix(options.owner)]);
    const [guard, prefix] = await setup;
    await assertExecutable(plan.program);
    const folder = await makeFolder(options.scratch, prefix, plan.files);
    folders.add(folder);
    const dispose = async () => {
      if (folders.delete(folder)) await removeFolder(folder);
    };
    const child = runChild(
      plan,
      folder,
      guard(plan.memory_limit_bytes),
      AbortSignal.any([signal, closing.signal]),
    );
    running.add(child);
    try {
      return { ...(await child), dispose };
    } catch (error) {
      await dispose();
      throw error;
    } finally {
      running.delete(child);
    }
  }

  async function close() {
    closing.abort();
    await Promise.allSettled(running);
    for (const folder of folders) {
      await clearFolder(folder);
      await removeFolder(folder);
    }
    folders.clear();
  }

  return { run, [Symbol.asyncDispose]: close };
}

/** Asked before the start: behind `setpriv` a missing program would look like one that failed. */
async function assertExecutable(program: string): Promise<void> {
  try {
    await access(program, constants.X_OK);
    if (!(await stat(program)).isFile()) throw new Error("it is not a file");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AppError("unavailable", `${program} can't be started: ${why}`, { cause });
  }
}
