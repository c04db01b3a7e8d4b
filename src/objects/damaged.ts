import { AppError } from "../errors.ts";

/** The same bytes put again mend an object, whoever puts them. */
const REMEDY =
  "give that file again, or compute anew what a job left (`job.submit` with `reuse: false`), or put it back from a copy of the store";

/** What is not what its name says is nobody's result, and reading it again changes nothing. */
export function damaged(uri: string): AppError {
  return new AppError(
    "damaged",
    `a stored file is damaged (${uri} has other bytes than were stored): ${REMEDY}`,
  );
}

/** Of an object that the store has not, though it is there. */
export function lost(uri: string, cause?: unknown): AppError {
  return new AppError("damaged", `a stored file is lost (the store has no ${uri} any more): ${REMEDY}`, {
    cause,
  });
}
