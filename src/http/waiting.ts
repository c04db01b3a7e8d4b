import type { Socket } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { whenClosed } from "./within.ts";

/**
 * Requests of one connection that wait for their answers: browsers and proxies send one after the other. An answer is
 * kept until those before it were sent, and of what is sent ahead without reading, a megabyte comes of a kilobyte.
 */
export const MOST_WAITING = 16;

const WAITING = new WeakMap<Socket, number>();

/**
 * Counts a request until its answer is over. One that is too many on its connection ends that, unanswered: an answer
 * would only wait with the others. Returns whether the request goes on.
 */
export function mayWait(request: FastifyRequest, reply: FastifyReply): boolean {
  const { socket } = request.raw;
  const waiting = WAITING.get(socket) ?? 0;
  if (waiting >= MOST_WAITING) {
    socket.destroy();
    reply.hijack();
    return false;
  }
  WAITING.set(socket, waiting + 1);
  whenClosed(reply, () => void WAITING.set(socket, (WAITING.get(socket) ?? 1) - 1));
  return true;
}
