import { InvalidArgumentError } from "commander";

const SECONDS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** A moment as an option's value: a time, a day, or how long ago: 30m, 12h, 7d. */
export function since(text: string): string {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ago = count === undefined ? undefined : Number(count) * SECONDS[unit as keyof typeof SECONDS] * 1000;
  const time = ago === undefined ? new Date(text) : new Date(Date.now() - ago);
  if (Number.isNaN(time.getTime()) || (ago === undefined && !isDay(text.slice(0, 10))))
    throw new InvalidArgumentError(
      "It must be a day, a time such as 2026-11-21T08:00:00Z, or 30m, 12h, 7d ago.",
    );
  return time.toISOString();
}

/** JavaScript takes 30 February for the 2nd of March. */
function isDay(text: string): boolean {
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().slice(0, 10) === text;
}
