import { AppError } from "../errors.ts";
import type { Breaker } from "./breaker.ts";
import { translateDbError } from "./postgres-errors.ts";

/** Nobody gave a connection back in time: who had them all. */
export function outOfPatience(
  crowded: "server" | "process" | "database",
  patience_ms: number,
  most: { budget: number; each: number },
): AppError {
  const waited = `none came free in ${patience_ms / 1000} s`;
  const text = {
    server: `PostgreSQL has as many connections as it may have, and ${waited}: end some clients, or raise max_connections`,
    process: `all ${most.budget} connections of this process are in use, and ${waited}: try again, or raise DB_CONNECTIONS_MAX`,
    database: `all ${most.each} connections to this database are in use, and ${waited}: try again, or raise its pool size`,
  };
  return new AppError("unavailable", text[crowded]);
}

/** The database refused a connection a moment ago, and is not asked again yet. */
export function refused(breaker: Breaker, now: number): AppError {
  const why = translateDbError(breaker.error);
  // What the driver threw, so that who asks whether our login was refused is told so now too.
  const cause = why instanceof AppError ? (why.cause ?? why) : why;
  const text = why instanceof Error ? why.message : String(why);
  const seconds = Math.max(0.1, breaker.wait(now) / 1000).toFixed(1);
  return new AppError("unavailable", `${text}; it is tried again in ${seconds} s`, { cause });
}

export function closing(): AppError {
  return new AppError("unavailable", "this process is closing its connections");
}
