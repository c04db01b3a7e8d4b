import { Type } from "typebox";
import { AppError } from "./errors.ts";

/** The field with which an asker says which state of a thing they have read; over HTTP it is If-Match. */
export function ifMatch(what: string) {
  return Type.String({
    minLength: 1,
    maxLength: 100,
    description: `\`updated_at\` as it was last read: where ${what} changed since then, nothing is done.`,
    examples: ["2026-01-01T00:00:00.000Z"],
  });
}

/**
 * Throws AppError conflict with code precondition_failed where a thing changed since the asker read it. Held against
 * the row while what changes it is locked.
 */
export function refuseChanged(
  { updated_at }: { updated_at: string },
  seen: string | undefined,
  what: string,
): void {
  if (seen === undefined || updated_at === seen) return;
  throw new AppError("conflict", `${what} changed since you read it: read it again`, {
    code: "precondition_failed",
  });
}
