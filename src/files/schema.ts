import { type Static, Type } from "typebox";
import { integer, text } from "../fields.ts";

/** A file as it is answered: over HTTP its bytes are the body, and headers say the rest. */
export const FileAnswer = Type.Object({
  file_name: text("What it may be called on a disk: letters, digits, dots, dashes and underscores."),
  size_bytes: integer("B", "Bytes.", { minimum: 0 }),
  checksum: text("sha256: and 64 hex digits over the bytes."),
  bytes: Type.Unsafe<AsyncIterable<Uint8Array>>({
    ...Type.Unknown(),
    // What scripts/client-types.mjs writes: a JSON schema has no word for it.
    typescript: "AsyncIterable<Uint8Array>",
    description: "The bytes as they are read; whoever gets all of them got the right ones.",
  }),
});
export type FileAnswer = Static<typeof FileAnswer>;

const MOST = 100;

/**
 * A name that is no path and no option, whoever made it: its last part, with `_` for what a disk or a header may take
 * for something else. Empty: `file`.
 */
export function safeFileName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? "";
  const safe = last
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^A-Za-z0-9._-]+/g, "_")
    // The end is kept: it says what the file is. What it then begins with is looked at last.
    .slice(-MOST)
    .replace(/^[._-]+/, "");
  return safe === "" ? "file" : safe;
}
