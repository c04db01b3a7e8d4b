import { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Follow } from "../operation.ts";
import { performFollow } from "../perform.ts";
import type { Services } from "../services.ts";
import { askerOf, noOrganization } from "./asker.ts";
import { type Begun, eventText } from "./event-stream.ts";
import { HttpError } from "./http-error.ts";
import { inputOf } from "./input.ts";
import type { Life } from "./life.ts";
import { FORMS, formOf } from "./negotiate.ts";
import { leftSignal, whenClosed, within } from "./within.ts";

export type Streaming = { services: Services; life: Life; timeout_seconds: number; beat_ms?: number };

/** Follows something for a request, as server-sent events. */
export async function stream(
  { services, life, timeout_seconds, beat_ms }: Streaming,
  followed: Follow,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  formOf(request.headers.accept, ["events"]);
  const { principal, again } = askerOf(request);
  const input = inputOf(followed, request);
  const after = lastEventId(request);
  if (principal.org_id === null) throw noOrganization();
  const place = life.openStream(principal.user_id, principal.org_id);
  whenClosed(reply, () => place[Symbol.dispose]());
  try {
    const signal = AbortSignal.any([leftSignal(reply), place.signal]);
    signal.throwIfAborted();
    const looked = Promise.withResolvers<void>();
    const how = { signal, again, looked: looked.resolve, ...(after === undefined ? {} : { after }) };
    const begun = begin(performFollow(services, followed, principal, input, how));
    // What is refused at the first look is a problem with a status; later it would be an event.
    await within(timeout_seconds, signal, () => Promise.race([begun.first, looked.promise])).catch(
      (error) => {
        void begun.events.return?.()?.catch(() => {});
        throw error;
      },
    );
    reply.type(`${FORMS.events}; charset=utf-8`).header("x-accel-buffering", "no");
    if (request.method === "HEAD") {
      void begun.events.return?.()?.catch(() => {});
      return reply.send();
    }
    const failed = (error: unknown) =>
      services.log.warn({ request_id: request.id, err: error, operation: followed.name }, "a stream broke");
    const text = eventText(begun, {
      again,
      signal,
      request_id: request.id,
      failed,
      ...(beat_ms === undefined ? {} : { beat_ms }),
    });
    return reply.send(Readable.from(text, { objectMode: false, highWaterMark: 1 }));
  } catch (error) {
    place[Symbol.dispose]();
    throw error;
  }
}

/** Asks for the first event: the first look begins. */
function begin(iterable: AsyncIterable<Awaited<Begun["first"]>["value"]>): Begun {
  const events = iterable[Symbol.asyncIterator]();
  const first = events.next();
  // Who waits for it hears of it; where nobody does any more, nobody needs to.
  first.catch(() => {});
  return { events, first };
}

/** Throws HttpError malformed. */
function lastEventId({ headers }: FastifyRequest): string | undefined {
  const id = headers["last-event-id"];
  if (id === undefined || id === "") return undefined;
  if (typeof id === "string" && /^[\x21-\x7e]{1,200}$/.test(id)) return id;
  throw new HttpError(
    "malformed",
    "this Last-Event-ID is not one that a stream gave: start again without it",
  );
}
