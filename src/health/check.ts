import { toAppError } from "../errors.ts";

export type Status = "ok" | "degraded" | "down";
export type Check = { name: string; status: Status; latency_ms: number | null; detail: string };

/** What a look found. */
export type Finding = { status: Status; detail: string };

/** A look with the time that it took; one that throws found something down. */
export async function timed(name: string, look: () => Promise<Finding>): Promise<Check> {
  const started = performance.now();
  try {
    const finding = await look();
    return { name, latency_ms: Math.round((performance.now() - started) * 10) / 10, ...finding };
  } catch (error) {
    return { name, status: "down", latency_ms: null, detail: toAppError(error).message };
  }
}
