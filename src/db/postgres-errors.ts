import { AppError, type ErrorKind } from "../errors.ts";

/** SQLSTATE classes and codes that mean one of our kinds; the longest prefix wins. */
const KINDS: [prefix: string, kind: ErrorKind, message: string][] = [
  ["08", "unavailable", "the connection to PostgreSQL was lost"],
  ["28", "unavailable", "PostgreSQL refused our login"],
  ["3D000", "unavailable", "the database does not exist"],
  ["53", "unavailable", "PostgreSQL is out of connections, memory or disk"],
  ["57P", "unavailable", "PostgreSQL is shutting down or starting"],
  ["57014", "timeout", "the statement took too long"],
  ["40", "unavailable", "the transaction met another one: try again"],
  ["55P03", "unavailable", "a lock was not to be had in time"],
  ["22P05", "bad_input", "text holds a character that can't be stored"],
  ["22021", "bad_input", "text holds a NUL or is no UTF-8"],
];

const NETWORK = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ENOENT",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EACCES",
  "EAI_AGAIN",
]);

/**
 * What PostgreSQL or its driver threw, as an AppError; anything else unchanged. The one place that
 * knows SQLSTATE codes. Constraint violations stay as they are: a use case that expects one asks
 * `violates()`, and one that nobody expected is a fault of ours.
 */
export function translateDbError(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error;
  const code = (error as { code?: string }).code ?? "";
  if (
    NETWORK.has(code) ||
    /Connection terminated|not queryable|timeout exceeded when trying to connect|not currently accepting connections/.test(
      error.message,
    )
  ) {
    return new AppError("unavailable", "PostgreSQL can't be reached: it is down, or DATABASE_URL is wrong", {
      cause: error,
      detail: error.message,
    });
  }
  const match = KINDS.find(([prefix]) => code.startsWith(prefix));
  if (match === undefined) return error;
  return new AppError(match[1], `${match[2]} (${code})`, { cause: error, detail: error.message });
}

/** True where an error is the violation of the named constraint or unique index. */
export function violates(error: unknown, constraint: string): boolean {
  return error instanceof Error && (error as { constraint?: string }).constraint === constraint;
}

/** True where PostgreSQL refused our login: the role or its password is not (yet) as derived. */
export function isLoginRefused(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  const code = (cause as { code?: string } | undefined)?.code ?? "";
  return code.startsWith("28") || code === "3D000";
}
