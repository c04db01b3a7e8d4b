import type { FastifyInstance, FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from "fastify";
import { CIRCUMSTANCES, PERMISSIONS } from "../access/permissions.ts";
import type { Follow, Operation } from "../operation.ts";
import { type Answering, answer } from "./answer.ts";
import { admit, type PrincipalOf } from "./asker.ts";
import { bodyLimitOf } from "./body-limit.ts";
import { unknownRoute } from "./framework-errors.ts";
import { HttpError } from "./http-error.ts";
import { BASE } from "./index-document.ts";
import { type Streaming, stream } from "./streams.ts";

export type Routing = Answering & Streaming & { principalOf: PrincipalOf; body_bytes: number };

type Allowed = Map<string, Set<string>>;

/**
 * One route for each operation and each thing that may be followed. Throws an error where one declares no permission
 * that there is: such a server must not start.
 */
export function addRoutes(
  app: FastifyInstance,
  routing: Routing,
  operations: readonly Operation[],
  follows: readonly Follow[],
): void {
  const admitting = (asked: Operation | Follow) => (request: FastifyRequest, reply: FastifyReply) =>
    admit(routing.services, routing.principalOf, asked.permission, request, reply);
  for (const operation of operations) {
    assertPermission(operation);
    app.route({
      method: methodsOf(operation.http.method),
      url: operation.file === true ? fileRouteOf(operation.http.path) : routeOf(operation.http.path),
      bodyLimit: bodyLimitOf(operation, routing.body_bytes),
      config: { operation: operation.name },
      onRequest: admitting(operation),
      handler: (request, reply) => answer(routing, operation, request, reply),
    });
  }
  for (const followed of follows) {
    assertPermission(followed);
    app.route({
      method: ["GET", "HEAD"],
      url: routeOf(followed.http.path),
      config: { operation: followed.name },
      onRequest: admitting(followed),
      handler: (request, reply) => stream(routing, followed, request, reply),
    });
  }
}

/** A permission that the table does not know is held by nobody, or by everybody: nobody can tell. */
function assertPermission({ name, permission }: Operation | Follow): void {
  const known: readonly string[] = [...PERMISSIONS, ...CIRCUMSTANCES];
  if (!known.includes(permission))
    throw new Error(`the operation ${name} declares no permission that there is (${String(permission)})`);
}

function methodsOf(method: string): string[] {
  return method === "GET" ? ["GET", "HEAD"] : [method];
}

/** `/jobs/{job_id}` as the router writes it. */
export function routeOf(path: string): string {
  return `${BASE}${path.replace(/\{([a-z_]+)\}/g, ":$1")}`;
}

/** A file's name at the end of a path may have slashes in it, and not everybody writes %2F. */
function fileRouteOf(path: string): string {
  return routeOf(path).replace(/:[a-z_]+$/, "*");
}

/** Remembers what may be done with each path, so that the rest can be refused in order. */
export function noteMethods(app: FastifyInstance): Allowed {
  const allowed: Allowed = new Map();
  app.addHook("onRoute", ({ url, method }) => {
    const known = allowed.get(url) ?? new Set<string>();
    for (const each of [method].flat()) known.add(each);
    allowed.set(url, known);
  });
  return allowed;
}

/** What is at no path is counted (`count`) and refused before a body is read. */
export function refuseUnknownPaths(app: FastifyInstance, count: onRequestAsyncHookHandler): void {
  app.addHook("onRequest", async function refuse(request, reply) {
    if (!request.is404) return;
    leaveUnread(request, reply);
    await count.call(this, request, reply);
    throw unknownRoute();
  });
}

/** A body that nobody reads: the connection ends with the answer, or the rest of it would be waited for. */
function leaveUnread(request: FastifyRequest, reply: FastifyReply): void {
  if (hasBytes(request)) reply.header("connection", "close");
}

/** Whether a request says that it has a body. */
export function hasBytes({ headers }: FastifyRequest): boolean {
  const { "transfer-encoding": coding, "content-length": length = "0" } = headers;
  return coding !== undefined || Number(length) > 0;
}

/** Where programs and watchmen begin: asked however often. */
const FREE: readonly string[] = [BASE, "/healthz", "/readyz"];

/** OPTIONS is answered with Allow, every other method with 405 and Allow: counted (`count`), before a body is read. */
export function refuseOtherMethods(
  app: FastifyInstance,
  allowed: Allowed,
  count: onRequestAsyncHookHandler,
): void {
  for (const [url, methods] of [...allowed]) {
    const allow = [...methods, "OPTIONS"].toSorted().join(", ");
    app.route({
      method: "OPTIONS",
      url,
      onRequest: async function refuse(request, reply) {
        leaveUnread(request, reply);
        if (!FREE.includes(url)) await count.call(this, request, reply);
        return reply.code(204).header("allow", allow).send();
      },
      handler: () => {},
    });
    app.route({
      method: app.supportedMethods.filter((method) => !methods.has(method) && method !== "OPTIONS"),
      url,
      onRequest: async function refuse(request, reply) {
        leaveUnread(request, reply);
        if (!FREE.includes(url)) await count.call(this, request, reply);
        throw new HttpError("method_not_allowed", `${request.method} is nothing here: ${allow} are`, {
          headers: { allow },
        });
      },
      handler: () => {},
    });
  }
}
