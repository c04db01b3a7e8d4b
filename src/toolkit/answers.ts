import { AppError, type ChemistryCode } from "../errors.ts";
import { ThreadFailure } from "./pool.ts";
import { quote } from "./text.ts";
import type { Rejected } from "./toolkit.ts";

/** A thread's reply about one record; that the thread died of it or hung is the record's fault. */
export async function asked<T>(reply: Promise<T>, text: string): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    if (!(error instanceof ThreadFailure)) throw error;
    throw refuse(
      `the toolkit ${error.message} on ${quote(text)}: give a smaller molecule`,
      "too_large",
      error,
    );
  }
}

/** The AppError that a Rejected record is, where one record is all that was asked. */
export function refused(rejected: Rejected): AppError {
  return rejected.code === "bad_input"
    ? new AppError("bad_input", rejected.message)
    : refuse(rejected.message, rejected.code);
}

export function refuse(message: string, code: ChemistryCode, cause?: unknown): AppError {
  return new AppError("engine_refused", message, { code, cause });
}
