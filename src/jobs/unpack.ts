import { createZstdDecompress } from "node:zlib";
import { AppError } from "../errors.ts";

/**
 * The text that zstd packed, as far as `most` bytes of it: a few bytes may be packed from terabytes, so no more than
 * that is ever unpacked. Throws AppError internal where the bytes are no zstd.
 */
export async function unpackText(packed: Uint8Array, most: number): Promise<{ text: string; cut: boolean }> {
  const decoder = new TextDecoder();
  const unpacking = createZstdDecompress();
  unpacking.end(packed);
  let text = "";
  let left = most;
  try {
    for await (const part of unpacking as AsyncIterable<Buffer>) {
      // A letter that the limit cuts through is left out.
      text += decoder.decode(part.subarray(0, left), { stream: true });
      if (part.byteLength > left) return { text, cut: true };
      left -= part.byteLength;
    }
  } catch (cause) {
    throw new AppError("internal", "what was kept of it can't be unpacked", { cause });
  }
  return { text: text + decoder.decode(), cut: false };
}
