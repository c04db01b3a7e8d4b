import { readFile } from "node:fs/promises";
import { InvalidArgumentError } from "commander";
import { AppError } from "../errors.ts";

/** A whole number as an option's value. */
export function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || text.trim() === "")
    throw new InvalidArgumentError("It must be a whole number.");
  return value;
}

/** Engine runs at once in a worker, as an option's value; the limits are those of WORKER_SLOTS. */
export function slotCount(text: string): number {
  const count = whole(text);
  if (count < 1 || count > 256) throw new InvalidArgumentError("It must be from 1 to 256.");
  return count;
}

/** A file's bytes. Throws AppError bad_input that names it. */
export async function readInput(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new AppError("bad_input", `can't read ${path} (${code ?? "unknown"})`, { cause });
  }
}
