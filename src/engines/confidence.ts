import type { EngineCheck } from "./engine.ts";

/** A named check of a finished run; `detail` only where there is one. */
export function check(name: string, weight: number, passed: boolean, detail?: string): EngineCheck {
  return detail === undefined ? { name, passed, weight } : { name, passed, weight, detail };
}

/** Weighted share of the checks that passed, 0 to 1. It is no probability. */
export function confidence(checks: EngineCheck[]): number {
  const total = checks.reduce((sum, { weight }) => sum + weight, 0);
  const passed = checks.reduce((sum, { weight, passed }) => sum + (passed ? weight : 0), 0);
  return total === 0 ? 0 : passed / total;
}
