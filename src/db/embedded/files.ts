import { createHash, randomBytes } from "node:crypto";
import { chownSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { AppError } from "../../errors.ts";

/** Who a file made by root is given to. */
export type Owner = { uid: number; gid: number };

/** An `unavailable` AppError: what, why and what to do, in one line. */
export function unavailable(message: string, cause?: unknown): AppError {
  return new AppError("unavailable", message.replace(/\s*\n\s*/g, " "), { cause });
}

/** The `code` of a system or PostgreSQL error (`ENOENT`, `28P01`), or "" where there is none. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}

/** The reason in an error of the file system, without the call and path that Node appends. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return codeOf(error).startsWith("E") ? (message.split(", ")[0] ?? message) : message;
}

/** The text of a file, or undefined where there is no such file. Throws `unavailable` when it cannot be read. */
export function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return undefined;
    throw unavailable(
      `cannot read ${path}: ${reasonOf(error)}; run as the user that made this home, or set DATABASE_URL`,
      error,
    );
  }
}

/**
 * Writes a small private file (0600) so that a reader sees the old text or the new, never half of it.
 * As root the file is given to `owner`, so that a home's user keeps access. Throws `unavailable`.
 */
export function writeAside(path: string, text: string, owner: Owner | undefined): void {
  const aside = `${path}.tmp-${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    writeFileSync(aside, text, { mode: 0o600, flag: "wx", flush: true });
    if (owner !== undefined) chownSync(aside, owner.uid, owner.gid);
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw unavailable(`cannot write ${path}: ${reasonOf(error)}; make room or give access there`, error);
  }
}

/** Deletes a folder or file, if there, waiting out a process that still writes into it. Throws `unavailable`. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 25 });
  } catch (error) {
    throw unavailable(`cannot delete ${path}: ${reasonOf(error)}; delete it by hand`, error);
  }
}

/** Sixteen hex digits that name a path where the path itself would be too long or tell too much. */
export function hashedName(path: string): string {
  return createHash("sha256").update(path).digest("hex").slice(0, 16);
}

/** Waits until `done()` holds, asking every `everyMs`. Returns whether it came to hold within `limitMs`. */
export async function waitUntil(done: () => boolean, limitMs: number, everyMs = 5): Promise<boolean> {
  const end = performance.now() + limitMs;
  while (!done()) {
    if (performance.now() > end) return false;
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
  return true;
}
