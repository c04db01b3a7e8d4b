import { AppError } from "../errors.ts";
import type { WireRequest } from "./request.ts";
import type { Sender } from "./send.ts";
import type { Session } from "./session.ts";
import { Silence } from "./silence.ts";

/** A file as the API sends it: `bytes` come as they are read, and end with an error where they are not whole. */
export type ClientFile = {
  file_name: string;
  /** NaN where something on the way took the length off. */
  size_bytes: number;
  checksum: string;
  bytes: AsyncIterable<Uint8Array>;
};

/** No piece for so long is a connection that is gone. */
const SILENCE_MS = 45_000;

/**
 * Asks for a file. Whoever leaves its bytes unread ends the signal. Rejects as every question does; the bytes reject
 * with AppError `unavailable` where the connection ends too early, and with the signal's reason.
 */
export async function fetchFile(
  sender: Sender,
  session: Session | undefined,
  request: WireRequest,
  signal?: AbortSignal,
): Promise<ClientFile> {
  const silence = new Silence(signal, SILENCE_MS);
  // Until there is an answer the time of an answer holds.
  silence.rest();
  const { response } = await sender.open(request, session, {
    stream: true,
    headers: { accept: "application/octet-stream" },
    signal: silence.signal,
  });
  const { headers } = response;
  const isPlain = headers.get("content-encoding") === null;
  const length = isPlain ? headers.get("content-length") : null;
  const size_bytes = length === null ? Number.NaN : Number(length);
  return {
    file_name: /filename="([\w.-]+)"/.exec(headers.get("content-disposition") ?? "")?.[1] ?? "file",
    size_bytes,
    checksum: /sha256:[0-9a-f]{64}/.exec(headers.get("etag") ?? "")?.[0] ?? "",
    bytes: pieces(response, size_bytes, sender.url, silence, signal),
  };
}

async function* pieces(
  response: Response,
  size: number,
  url: string,
  silence: Silence,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void> {
  let came = 0;
  const broke = (cause?: unknown) => {
    const of = Number.isNaN(size) ? "" : ` of ${size}`;
    return new AppError("unavailable", `the file from ${url} broke off after ${came}${of} bytes: ask again`, {
      cause,
    });
  };
  try {
    silence.broken();
    for await (const piece of response.body ?? []) {
      silence.rest();
      came += piece.byteLength;
      yield piece;
      silence.broken();
    }
  } catch (cause) {
    signal?.throwIfAborted();
    throw broke(cause);
  } finally {
    silence.end();
  }
  if (came < size) throw broke();
}
