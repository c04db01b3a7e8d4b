import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { newId } from "../ids.ts";
import type { Logger } from "../log.ts";
import { optionalAskerOf } from "./asker.ts";
import { fromFramework, fromSocket, unknownRoute } from "./framework-errors.ts";
import { ALWAYS, setHeaders } from "./headers.ts";
import { HttpError } from "./http-error.ts";
import { PROBLEM_TYPE, problemOf } from "./problem.ts";

/** Every error becomes a problem, whoever threw it; what is ours is logged with all that is known of it. */
function sendProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply, log: Logger): void {
  const error = fromFramework(thrown, request.raw.destroyed && !request.raw.complete);
  const { status, headers, body } = problemOf(error, request.id);
  if (status === 401) headers["www-authenticate"] = challengeOf(request);
  if (status >= 500) {
    const { operation } = request.routeOptions.config as { operation?: string };
    const of = { request_id: request.id, operation };
    // What is refused under load is said for each request: in one line, and nothing of ours is broken.
    if (error instanceof HttpError)
      log.warn({ ...of, code: error.http_code, why: error.message }, "a request was refused");
    else log.error({ ...of, err: error }, "a request failed");
  }
  // What was said of an answer that there is not.
  for (const name of ["etag", "link", "vary", "idempotency-replayed"]) reply.removeHeader(name);
  void reply.code(status).headers(headers).type(PROBLEM_TYPE).send(JSON.stringify(body));
}

/** RFC 6750: who sent a token that is not believed is told that it is the token; who sent none, what to send. */
function challengeOf(request: FastifyRequest): string {
  const { authorization = "", "x-api-key": key } = request.headers;
  const isRefused =
    optionalAskerOf(request) === undefined && (key !== undefined || /^bearer /i.test(authorization));
  return isRefused ? 'Bearer error="invalid_token"' : "Bearer";
}

export function addProblems(app: FastifyInstance, log: Logger): void {
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply, log));
  // Refused before (`refuseUnknownPaths`); without a handler of ours no hook would see it.
  app.setNotFoundHandler((request, reply) => sendProblem(unknownRoute(), request, reply, log));
}

/** Before there is a request: the address can't be read at all. */
export function sendFrameworkProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: Logger,
): void {
  setHeaders(request, reply);
  sendProblem(error, request, reply, log);
}

/** Bytes that are no HTTP get a problem too, and the connection ends. */
export function answerSocket(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, headers, body } = problemOf(fromSocket(error), newId());
  const text = JSON.stringify(body);
  const lines = Object.entries({
    ...ALWAYS,
    ...headers,
    "content-type": PROBLEM_TYPE,
    "content-length": String(Buffer.byteLength(text)),
    "x-request-id": body.request_id,
    connection: "close",
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${head}\r\n${text}`);
}
