import type { FastifyInstance, FastifyRequest } from "fastify";
import { NOBODY } from "../access/principal.ts";
import { networkOf } from "../limits/taker.ts";
import { optionalAskerOf } from "./asker.ts";
import type { BodyBudget, BodyRoom, Sender } from "./body-budget.ts";
import { contentCoding, mediaType } from "./framework-errors.ts";
import { parseBody } from "./json-body.ts";
import { type Pace, readBody } from "./read-body.ts";
import { hasBytes } from "./routes.ts";
import { assertHere, whenClosed } from "./within.ts";

/** What the body of a request has taken, until it is answered. */
const ROOMS = new WeakMap<FastifyRequest, BodyRoom>();

/**
 * Takes bodies as JSON in UTF-8, no longer than their route allows, no slower than `pace`, and as many as `bodies` has
 * room for.
 */
export function takeBodies(app: FastifyInstance, bodies: BodyBudget, pace: Pace): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", async (request: FastifyRequest) => {
    assertPlain(request);
    const bytes = await readBody(request.raw, {
      most: request.routeOptions.bodyLimit,
      length: request.headers["content-length"],
      pace,
      take: (more) => ROOMS.get(request)?.take(more),
    });
    return parseBody(bytes);
  });
  // After it is known who asks, and before the first byte of a body is read.
  app.addHook("preParsing", async (request, reply) => {
    if (hasBytes(request)) {
      const room = bodies.open(senderOf(request));
      ROOMS.set(request, room);
      whenClosed(reply, () => room[Symbol.dispose]());
    }
    assertHere(reply);
  });
}

/** Throws HttpError unsupported_media_type where the text is not UTF-8, or is packed. */
function assertPlain({ headers }: FastifyRequest): void {
  const { "content-type": type = "", "content-encoding": coding = "identity" } = headers;
  const charset = /charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1];
  if (charset !== undefined && !/^utf-?8$/i.test(charset)) throw mediaType();
  if (coding.toLowerCase() !== "identity") throw contentCoding();
}

function senderOf(request: FastifyRequest): Sender {
  const { via, user_id, org_id } = optionalAskerOf(request)?.principal ?? NOBODY;
  return via === "nobody" ? { network: networkOf(request.ip) } : { user_id, org_id };
}
