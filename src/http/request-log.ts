import type { FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "../log.ts";
import { optionalAskerOf } from "./asker.ts";
import { whenClosed } from "./within.ts";

/** Asked every few seconds by whoever watches. */
const PROBES: readonly (string | undefined)[] = ["/healthz", "/readyz", "/metrics"];

/** A line of the log when the answer is over, however it ends: who asked what, how it went, and how long it took. */
export function logRequest(request: FastifyRequest, reply: FastifyReply, log: Logger): void {
  const began = performance.now();
  whenClosed(reply, () => {
    const asker = optionalAskerOf(request)?.principal;
    const { config, url } = request.routeOptions;
    const fields = {
      request_id: request.id,
      method: request.method,
      route: url ?? null,
      operation: (config as { operation?: string } | undefined)?.operation ?? null,
      status: reply.raw.statusCode,
      finished: reply.raw.writableFinished,
      duration_ms: Math.round((performance.now() - began) * 10) / 10,
      ...(asker === undefined ? {} : { user_id: asker.user_id, org_id: asker.org_id, via: asker.via }),
    };
    if (PROBES.includes(url)) log.debug(fields, "request");
    else log.info(fields, "request");
  });
}
