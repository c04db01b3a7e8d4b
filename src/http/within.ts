import type { ServerResponse } from "node:http";
import type { FastifyReply } from "fastify";
import { HttpError } from "./http-error.ts";

/** What is done when each answer is over: one listener for all of it, as many together are taken for a leak. */
const AT_CLOSE = new WeakMap<ServerResponse, (() => void)[]>();

/** Does something when the answer is over, however it ends: at once where it is, for a close is told only once. */
export function whenClosed({ raw }: Pick<FastifyReply, "raw">, work: () => void): void {
  const known = AT_CLOSE.get(raw);
  if (raw.closed) work();
  else if (known !== undefined) known.push(work);
  else {
    const works = [work];
    AT_CLOSE.set(raw, works);
    raw.once("close", () => {
      for (const each of works) each();
    });
  }
}

/** Aborts when the asker has left before the answer was sent, at once where they have. */
export function leftSignal(reply: FastifyReply): AbortSignal {
  const left = new AbortController();
  whenClosed(reply, () => {
    if (hasLeft(reply)) left.abort(askerLeft());
  });
  return left.signal;
}

/** Throws HttpError asker_left. */
export function assertHere(reply: FastifyReply): void {
  if (hasLeft(reply)) throw askerLeft();
}

function hasLeft({ raw }: FastifyReply): boolean {
  return raw.closed && !raw.writableFinished;
}

function askerLeft(): HttpError {
  return new HttpError("asker_left", "the asker has left");
}

/**
 * What the work gives, or HttpError took_too_long after so many seconds, asker_left before it begins; its signal then
 * tells the work, which gives up where it can still be given up whole.
 */
export async function within<T>(
  seconds: number,
  left: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  // Nothing is begun for who has left.
  left.throwIfAborted();
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
