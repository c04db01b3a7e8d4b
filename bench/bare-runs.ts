import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import type { RunPlan } from "../src/executors/executor.ts";
import type { Lab } from "./lab.ts";

/** As often as `--wait` looks. */
const POLL_MS = 200;

type JobTimes = { job_id: string; status: string; ended_at: string | null };

/** Waits until jobs are completed. Returns them in the order in which they were started, and when the last one ended. */
export async function waitForAll(
  { context, principal }: Pick<Lab, "context" | "principal">,
  ids: string[],
): Promise<{ order: string[]; ended_at: number }> {
  for (;;) {
    await sleep(POLL_MS);
    const rows = await context.results.read(principal, async ({ tx }) => {
      const found = await sql<JobTimes>`SELECT job_id, status, timings ->> 'ended_at' AS ended_at FROM jobs
        WHERE job_id = ANY (${ids}::uuid[]) ORDER BY timings ->> 'started_at'`.execute(tx);
      return found.rows;
    });
    const failed = rows.find(({ status }) => status === "failed");
    if (failed !== undefined) throw new Error(`job ${failed.job_id} failed`);
    if (rows.some(({ status }) => status !== "completed")) continue;
    const ended_at = Math.max(...rows.map((row) => Date.parse(row.ended_at ?? "")));
    return { order: rows.map((row) => row.job_id), ended_at };
  }
}

/** The same files, arguments and environment, `slots` at a time, each in a folder of its own, output into a file. */
export async function runBare(plans: RunPlan[], slots: number): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), "aliquot-bench-bare-"));
  try {
    const waiting = [...plans.entries()];
    const slot = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        await runOne(join(base, String(next[0])), next[1]);
    };
    await Promise.all(Array.from({ length: slots }, slot));
  } finally {
    rmSync(base, { recursive: true });
  }
}

async function runOne(folder: string, { program, args, env, files }: RunPlan): Promise<void> {
  mkdirSync(folder);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const log = openSync(join(folder, "log"), "w");
  // A session of its own, as the executor gives: the kernel shares cores between sessions.
  const child = spawn(program, args, { cwd: folder, env, detached: true, stdio: ["ignore", log, log] });
  closeSync(log);
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`the bare run ended with ${code}`);
}
