import { Type } from "typebox";
import { AppError } from "./errors.ts";

/** A time as RFC 3339 says it, with its zone; only a day is the day's beginning in UTC. */
export const Since = Type.String({
  maxLength: 40,
  pattern:
    "^[12]\\d{3}-\\d\\d-\\d\\d(T([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{1,6})?)?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d))?$",
  description: "Not before this: a day (its beginning in UTC), or a time with its zone.",
  examples: ["2026-01-31", "2026-01-31T09:30:00Z"],
});

/** The moment that a text of `Since` says, in UTC. Throws AppError bad_input on a day that no calendar has. */
export function sinceTime(text: string): string {
  const day = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  const time = new Date(text);
  // JavaScript takes 30 February for the 2nd of March.
  if (
    Number.isNaN(time.getTime()) ||
    Number.isNaN(day.getTime()) ||
    day.toISOString().slice(0, 10) !== text.slice(0, 10)
  )
    throw new AppError("bad_input", `since: ${text} is no day of the calendar`);
  return time.toISOString();
}
