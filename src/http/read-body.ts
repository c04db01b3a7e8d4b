import type { Readable } from "node:stream";
import { CLOSE, HttpError } from "./http-error.ts";

/** How fast a body has to come: so many bytes in so long, once the first so long is over. */
export type Pace = { bytes: number; ms: number };

/** A slow line of a mobile telephone. What is no longer than these bytes, as strangers' bodies are, has 10 s. */
export const PACE: Pace = { bytes: 64 * 1024, ms: 5000 };

export type Reading = {
  /** The most bytes that are taken. */
  most: number;
  /** What the request says of its length. */
  length: string | undefined;
  pace: Pace;
  /** Told of each piece before it is kept; what it throws ends the reading. */
  take(bytes: number): void;
};

/**
 * A body, whole. Throws HttpError body_too_large (unread where its length says so), request_too_slow, malformed (another
 * length than was said), asker_left, and what `take` throws; of what it throws the rest is left unread.
 */
export function readBody(body: Readable, { most, length, pace, take }: Reading): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  if (Number(length) > most) return Promise.reject(tooLarge());
  // One buffer that grows: of many small pieces each would weigh more than what it brings.
  let kept = Buffer.alloc(0);
  let bytes = 0;
  let windows = 0;
  let before = 0;
  const onData = (piece: Buffer | string) => {
    try {
      const come = typeof piece === "string" ? Buffer.from(piece) : piece;
      if (bytes + come.length > most) throw tooLarge();
      take(come.length);
      if (bytes + come.length > kept.length)
        kept = Buffer.concat([kept], Math.max(2 * kept.length, bytes + come.length));
      come.copy(kept, bytes);
      bytes += come.length;
    } catch (error) {
      fail(error);
    }
  };
  const onEnd = () => {
    stop();
    if (length !== undefined && Number(length) !== bytes)
      reject(new HttpError("malformed", "the body has another length than Content-Length says"));
    else resolve(kept.subarray(0, bytes));
  };
  const fail = (error: unknown) => {
    stop();
    body.pause();
    reject(error);
  };
  const onLeft = () => fail(new HttpError("asker_left", "the connection broke before the request was whole"));
  const timer = setInterval(() => {
    windows++;
    if (windows > 1 && bytes - before < pace.bytes) fail(tooSlow());
    before = bytes;
  }, pace.ms);
  function stop(): void {
    clearInterval(timer);
    body.off("data", onData).off("end", onEnd).off("close", onLeft);
  }
  body.on("data", onData).once("end", onEnd).once("close", onLeft);
  // Stays: of what was left unread it may still come, and nobody needs to hear of it.
  body.on("error", onLeft);
  if (body.destroyed) onLeft();
  return promise;
}

function tooLarge(): HttpError {
  return new HttpError("body_too_large", "the body is larger than is taken here: send less at once", CLOSE);
}

function tooSlow(): HttpError {
  return new HttpError("request_too_slow", "the body came too slowly: 64 KiB in 5 s is the least", CLOSE);
}
