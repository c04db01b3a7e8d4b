import type { FastifyReply } from "fastify";
import { HttpError } from "./http-error.ts";

/** Aborts when the asker has left before the answer was sent. */
export function leftSignal(reply: FastifyReply): AbortSignal {
  const left = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) left.abort(new HttpError("asker_left", "the asker has left"));
  });
  return left.signal;
}

/**
 * What the work gives, or HttpError took_too_long after so many seconds; its signal then tells the work, which gives
 * up where it can still be given up whole.
 */
export async function within<T>(
  seconds: number,
  left: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController();
  const signal = AbortSignal.any([left, late.signal]);
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new HttpError(
        "took_too_long",
        `this took longer than ${seconds} s: ask for less at once, and a change again under the same Idempotency-Key`,
      );
      late.abort(error);
      reject(error);
    }, seconds * 1000);
  });
  try {
    return await Promise.race([work(signal), ended]);
  } finally {
    clearTimeout(timer);
  }
}
