import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { FileAnswer } from "../files/schema.ts";
import { etagOfFile, isKnown } from "./etag.ts";
import { FORMS } from "./negotiate.ts";
import { whenClosed } from "./within.ts";

/** What a file's answer needs of the request that it belongs to. */
export type FileSending = {
  /** Waits for the first piece, no longer than for any answer. */
  within<T>(work: () => Promise<T>): Promise<T>;
  /** Told where the bytes end too early: the connection does then, and that is all that the asker can be told. */
  failed(error: unknown): void;
};

/** Sends a file: its first piece is there before a status is, so what can't be read at all is a problem. */
export async function sendFile(
  { bytes, checksum, file_name, size_bytes }: FileAnswer,
  request: FastifyRequest,
  reply: FastifyReply,
  { within, failed }: FileSending,
): Promise<unknown> {
  const etag = etagOfFile(checksum);
  if (isKnown(request.headers["if-none-match"], etag)) return reply.header("etag", etag).code(304).send();
  const pieces = bytes[Symbol.asyncIterator]();
  // Nobody else would, where the first piece took too long or its asker left before a second one was wanted.
  whenClosed(reply, () => void pieces.return?.().catch(() => {}));
  const isHead = request.method === "HEAD";
  const first = isHead ? undefined : await within(() => pieces.next());
  reply
    .type(FORMS.bytes)
    .header("etag", etag)
    .header("content-length", size_bytes)
    .header("content-disposition", `attachment; filename="${file_name}"`);
  if (first === undefined) return reply.send();
  return reply.send(Readable.from(allOf(first, pieces, failed), { objectMode: false, highWaterMark: 1 }));
}

async function* allOf(
  first: IteratorResult<Uint8Array>,
  pieces: AsyncIterator<Uint8Array>,
  failed: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    for (let piece = first; piece.done !== true; piece = await pieces.next()) yield piece.value;
  } catch (error) {
    failed(error);
    throw error;
  }
}
