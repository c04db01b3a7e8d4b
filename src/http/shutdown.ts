import { setTimeout as sleep } from "node:timers/promises";
import { toAppError } from "../errors.ts";
import type { Logger } from "../log.ts";

/** A part of leaving, and how long it may take before the next one begins. */
export type Phase = { name: string; limit_ms: number; run(): Promise<void> | void };

export type PhaseEnd = { phase: string; ended: "done" | "late" | "failed"; duration_ms: number };

/** All phases in order, each within its limit, also where one before it failed; never throws. */
export async function runPhases(phases: readonly Phase[], log: Logger): Promise<PhaseEnd[]> {
  const ends: PhaseEnd[] = [];
  for (const { name, limit_ms, run } of phases) {
    const began = performance.now();
    const ended = await endOf(run, limit_ms, (error) =>
      log.error({ phase: name, err: toAppError(error) }, "a part of stopping failed"),
    );
    ends.push({ phase: name, ended, duration_ms: Math.round(performance.now() - began) });
  }
  return ends;
}

async function endOf(
  run: Phase["run"],
  limit_ms: number,
  failed: (error: unknown) => void,
): Promise<PhaseEnd["ended"]> {
  const limit = new AbortController();
  const work = (async () => run())().then(
    () => "done" as const,
    (error: unknown) => {
      failed(error);
      return "failed" as const;
    },
  );
  const late = sleep(limit_ms, "late" as const, { signal: limit.signal }).catch(() => "late" as const);
  try {
    return await Promise.race([work, late]);
  } finally {
    limit.abort();
  }
}
