import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { damaged } from "./damaged.ts";

const PIECE_BYTES = 256 * 1024;

/**
 * The file piece by piece. The last one is held back until the hash over all of them is the one in `uri`
 * (`object:` and 64 hex digits): who gets every byte, got the right ones. Throws AppError damaged, and what
 * the file system throws.
 */
export async function* readChecked(path: string, uri: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path, "r");
  const hash = createHash("sha256");
  let last: Uint8Array | undefined;
  for (;;) {
    // Each in memory of its own: whoever took one may still be sending it.
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(PIECE_BYTES), 0, PIECE_BYTES);
    if (bytesRead === 0) break;
    if (last !== undefined) yield last;
    last = buffer.subarray(0, bytesRead);
    hash.update(last);
  }
  if (`object:${hash.digest("hex")}` !== uri) throw damaged(uri);
  if (last !== undefined) yield last;
}
