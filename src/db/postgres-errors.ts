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
  "EHOSTUNREACH",
  "ENETUNREACH",
]);

/**
 * What PostgreSQL or its driver threw, as an AppError; anything else unchanged. The one place that
 * knows SQLSTATE codes. Constraint violations stay as they are: a use case that expects one asks
 * `violates()`, and one that nobody expected is a fault of ours.
 */
export function translateDbError(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error;
  const code = (error as { code?: string }).code ?? "";
  if (isHungUp(error) || /timeout expired|not currently accepting connections/.test(error.message)) {
    return new AppError("unavailable", "PostgreSQL can't be reached: it is down, or DATABASE_URL is wrong", {
      cause: error,
      detail: error.message,
    });
  }
  if (isTlsFailure(error, code)) {
    return new AppError(
      "unavailable",
      `PostgreSQL can't be reached over TLS as DATABASE_URL asks (${error.message}): check its sslmode, and the server's certificate`,
      { cause: error, detail: error.message },
    );
  }
  if (isPlanRefused(error)) {
    return new AppError("unavailable", "the database was migrated meanwhile: try again", {
      cause: error,
      detail: error.message,
    });
  }
  const match = KINDS.find(([prefix]) => code.startsWith(prefix));
  if (match === undefined) return error;
  return new AppError(match[1], `${match[2]} (${code})`, { cause: error, detail: error.message });
}

/** Codes of Node and OpenSSL for a certificate that is not to be believed. */
const CERTIFICATE =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_TLS_|ERR_SSL_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/;

/** One of the two does not speak TLS, or a certificate is refused. */
function isTlsFailure(error: Error, code: string): boolean {
  if (CERTIFICATE.test(code)) return true;
  if (code === "28000") return /\b(no encryption|SSL off)\b/.test(error.message);
  return /does not support SSL|establishing an SSL connection/.test(error.message);
}

/** The line is dead, as the driver says it. */
function isHungUp(error: Error): boolean {
  return (
    NETWORK.has((error as { code?: string }).code ?? "") ||
    /Connection terminated|not queryable/.test(error.message)
  );
}

/** True where a connection died or was ended by the server: what it was asked may be asked of another one. */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return isHungUp(error) || /^(08|57P0[123])/.test((error as { code?: string }).code ?? "");
}

/** True where a migration changed what a statement answers that the server had kept. */
export function isPlanRefused(error: unknown): boolean {
  const { code, routine } = (error ?? {}) as { code?: string; routine?: string };
  return code === "0A000" && routine === "RevalidateCachedQuery";
}

/** True where a server, a database or a role has as many connections as it may have. */
export function isServerFull(error: unknown): boolean {
  return (error as { code?: string } | null)?.code === "53300";
}

/** True where a transaction met another one (a deadlock, a lock not had in time) or a migration and is worth doing again at once. */
export function isCollision(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  return isPlanRefused(cause) || /^(40|55P03)/.test((cause as { code?: string } | undefined)?.code ?? "");
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

/** True where the role is there and has another password than the one we derived. */
export function isPasswordRefused(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  return (cause as { code?: string } | undefined)?.code === "28P01";
}

/** True where PostgreSQL says that our role lacks a right. */
export function isForbidden(error: unknown): boolean {
  const cause = error instanceof AppError ? error.cause : error;
  return (cause as { code?: string } | undefined)?.code === "42501";
}
