import { createHash } from "node:crypto";

/**
 * The tag of an answer: of its text, and before it, where the answer is a row that can change, the time of its last
 * change, which is what If-Match is held against. What hangs on a row may change without it, so the time alone is no tag.
 */
export function etagOf(answer: unknown, text: string): string {
  const hash = createHash("sha256").update(text).digest("base64url").slice(0, 22);
  const changed = (answer as { updated_at?: unknown } | null)?.updated_at;
  return typeof changed === "string" && /^[\w:.+-]+$/.test(changed) ? `"${changed};${hash}"` : `"${hash}"`;
}

/** The tag of a file: what its bytes are. */
export function etagOfFile(checksum: string): string {
  return `"${checksum}"`;
}

/** Whether the asker has this very answer already (If-None-Match). */
export function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  return header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}
