import { mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RunPlan } from "./executor.ts";
import { openLocalExecutor } from "./local.ts";

/** Shared by the tests of this folder; it has none of its own. */
export const linux = process.platform === "linux" ? false : "needs /proc";
export const never = new AbortController().signal;

export async function scratchFor(t: TestContext): Promise<string> {
  const scratch = await realpath(await mkdtemp(join(tmpdir(), "aliquot-scratch-")));
  t.after(() => rm(scratch, { recursive: true, force: true }));
  return scratch;
}

/** An executor over a scratch folder of its own, both gone after the test. */
export async function open(t: TestContext) {
  const scratch = await scratchFor(t);
  const executor = openLocalExecutor({ scratch, owner: "worker/1 ü" });
  t.after(() => executor[Symbol.asyncDispose]());
  return { executor, scratch };
}

export function sh(script: string, more: Partial<RunPlan> = {}): RunPlan {
  return {
    program: "/bin/sh",
    args: ["-c", script],
    env: { PATH: "/usr/bin:/bin" },
    files: {},
    time_limit_seconds: 20,
    memory_limit_bytes: 4 * 1024 ** 3,
    ...more,
  };
}

/** Alive and no zombie: a killed orphan may wait a moment for its new parent to collect it. */
export async function alive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => null);
  return stat !== null && !/\) [ZX] /.test(stat);
}

export async function gone(pid: number, within_ms = 3000): Promise<boolean> {
  for (let waited = 0; waited < within_ms; waited += 20) {
    if (!(await alive(pid))) return true;
    await sleep(20);
  }
  return false;
}

export async function fileWithin(path: string, within_ms = 5000): Promise<string> {
  for (let waited = 0; waited < within_ms; waited += 20) {
    const text = await readFile(path, "utf8").catch(() => "");
    if (text.endsWith("\n")) return text.trim();
    await sleep(20);
  }
  throw new Error(`${path} did not appear`);
}

/** The first thing that appears in a folder, within 5 s. */
export async function firstEntry(folder: string): Promise<string | undefined> {
  for (let round = 0; round < 250; round++) {
    const [entry] = await readdir(folder).catch(() => []);
    if (entry !== undefined) return entry;
    await sleep(20);
  }
  return undefined;
}
