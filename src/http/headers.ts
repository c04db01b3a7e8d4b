import type { FastifyReply, FastifyRequest } from "fastify";
import { newId } from "../ids.ts";

const SANE = /^[A-Za-z0-9][A-Za-z0-9_.:=+/-]{0,127}$/;

/** The id of a request: the asker's own where it is sane, so that their log and ours can be laid side by side. */
export function requestIdOf({ headers }: { headers: FastifyRequest["headers"] }): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && SANE.test(given) ? given : newId();
}

/** What every answer says to browsers; data is never stored, and nothing of ours is shown in another's frame. */
export const ALWAYS: Record<string, string> = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** Puts them on an answer, with the id that its log lines have. */
export function setHeaders(request: FastifyRequest, reply: FastifyReply): void {
  reply.headers(ALWAYS);
  reply.header("x-request-id", request.id);
}
