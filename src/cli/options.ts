import { readFile } from "node:fs/promises";
import { InvalidArgumentError } from "commander";
import { unreadable } from "../errors.ts";
import { isUuid } from "../ids.ts";

/** A whole number as an option's value. */
export function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || text.trim() === "")
    throw new InvalidArgumentError("It must be a whole number.");
  return value;
}

/** Reads a whole number from `min` to `max`, both included, as an option's value. */
export function ranged(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (!Number.isSafeInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** Where the API listens; 0 is any port that is free. */
export const portNumber = ranged(0, 65_535);

/** How many rows of a list: the limits are those of every page. */
export const limit = ranged(1, 1000);
export const priority = ranged(0, 9);

/** Seeds are kept as 32-bit integers. */
export const MOST_SEED = 2_147_483_647;

/** A finite number as an option's value. */
export function real(text: string): number {
  const value = finite(text);
  if (value === undefined) throw new InvalidArgumentError("It must be a number.");
  return value;
}

/** Reads a number from `min` to `max`, both included, as an option's value. */
export function realRanged(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = finite(text);
    if (value === undefined || value < min || value > max)
      throw new InvalidArgumentError(`It must be a number from ${min} to ${max}.`);
    return value;
  };
}

/** Reads a number above 0 and not above `max`, as an option's value. */
export function aboveZero(max: number): (text: string) => number {
  return (text) => {
    const value = finite(text);
    if (value === undefined || value <= 0 || value > max)
      throw new InvalidArgumentError(`It must be a number above 0, ${max} at most.`);
    return value;
  };
}

/** A finite number, or undefined. */
export function finite(text: string): number | undefined {
  const value = Number(text);
  return text.trim() === "" || !Number.isFinite(value) ? undefined : value;
}

/** An id as the value of an option or argument: where only an id can stand, other words are an error of usage. */
export function id(text: string): string {
  if (!isUuid(text)) throw new InvalidArgumentError("It must be an id, as lists show it.");
  return text;
}

/** One more id of an option or argument that takes several. */
export function ids(text: string, before: string[] = []): string[] {
  return [...before, id(text)];
}

/** Engine runs at once in a worker, as an option's value; the limits are those of WORKER_SLOTS. */
export function slotCount(text: string): number {
  const count = whole(text);
  if (count < 1 || count > 256) throw new InvalidArgumentError("It must be from 1 to 256.");
  return count;
}

export type Params = Record<string, string | number | boolean | null>;

/** One more parameter, KEY=VALUE: true, false, null and numbers as they are, anything else as text. */
export function param(text: string, before: Params = {}): Params {
  const [, key = "", value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === "") throw new InvalidArgumentError("It must be KEY=VALUE.");
  const words: Params = { true: true, false: false, null: null };
  const known = Object.hasOwn(words, value) ? (words[value] ?? null) : (finite(value) ?? value);
  return { ...before, [key]: known };
}

/** A file's bytes. Throws AppError bad_input that names it. */
export async function readInput(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

/** Names of roles as an option's value: with commas, or said again. */
export function roles(text: string, before: string[] = []): string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.some((name) => name === "")) throw new InvalidArgumentError("It must be a role's name.");
  return [...before, ...names];
}
