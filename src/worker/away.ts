import { isCollision } from "../db/postgres-errors.ts";
import { AppError, type ErrorKind } from "../errors.ts";

/**
 * What errors say of that which a worker leans on, and nothing of the task. `rests`: no claim on the organization's
 * database can go on now. `passes`: worth waiting for with a result in hand. `spares`: not held against an attempt.
 */
const AWAY: Partial<Record<ErrorKind, ("rests" | "passes" | "spares")[]>> = {
  unavailable: ["rests", "passes", "spares"],
  store_unavailable: ["passes", "spares"],
  org_upgrading: ["rests", "spares"],
  app_too_old: ["rests"],
};

/** Whether the organization's database can't be used now, by any claim. One that met another transaction is not down. */
export function isDown(error: unknown): boolean {
  return says(error, "rests") && !isCollision(error);
}

/** Whether each of a group would meet it alone too. */
export function isCommon(error: unknown): boolean {
  return isDown(error) || (error instanceof AppError && error.kind === "lost_lease");
}

/** Whether what was done is to be tried again, as long as the lease holds. */
export function isPassing(error: unknown): boolean {
  return says(error, "passes");
}

/** Whether it says nothing of the task that met it. */
export function isSpared(error: AppError): boolean {
  return says(error, "spares");
}

function says(error: unknown, what: "rests" | "passes" | "spares"): boolean {
  return error instanceof AppError && AWAY[error.kind]?.includes(what) === true;
}
