import type { FastifyRequest } from "fastify";
import type { TSchema } from "typebox";
import { HttpError } from "./http-error.ts";
import { pairsOf, queryInput } from "./query.ts";
import { fieldsOf, type Shape } from "./shape.ts";

/** What may be asked over HTTP: an operation, or something to follow. */
export type Asked = {
  name: string;
  input: TSchema;
  http: { method: "GET" | "POST" | "PATCH" | "DELETE"; path: string };
};

/** A TypeBox schema is a JSON schema. */
export function shapeOf(schema: TSchema): Shape {
  return schema as Shape;
}

/** Names in the braces of a path. */
export function pathNames(path: string): string[] {
  return [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name = ""]) => name);
}

/** Whether an operation's rest comes from a body; else it is the query. */
export function hasBody({ http }: Asked): boolean {
  return http.method === "POST" || http.method === "PATCH";
}

/**
 * The one flat input of an operation, from path, query and body; not yet validated. Throws HttpError malformed where
 * something is given in the wrong place.
 */
export function inputOf(asked: Asked, request: FastifyRequest): Record<string, unknown> {
  const names = pathNames(asked.http.path);
  const params = request.params as Record<string, string>;
  const rest = hasBody(asked) ? bodyInput(request) : queryOf(asked, request);
  for (const [name] of rest) {
    if (names.includes(name))
      throw new HttpError("malformed", `${name} is a part of the path: give it there alone`, {
        fields: [{ path: `/${name}`, rule: "must stand in the path alone" }],
      });
  }
  const input = [...rest, ...names.map((name): [string, unknown] => [name, params[name] ?? params["*"]])];
  const match = ifMatch(asked, request);
  if (match !== undefined) input.push(["if_match", match]);
  return Object.fromEntries(input);
}

function queryOf(asked: Asked, request: FastifyRequest): [string, unknown][] {
  const { headers } = request;
  if (Number(headers["content-length"] ?? 0) > 0 || headers["transfer-encoding"] !== undefined)
    throw new HttpError("malformed", `a ${asked.http.method} takes no body: say it in the query`);
  return queryInput(pairsOf(queryText(request)), shapeOf(asked.input));
}

function bodyInput(request: FastifyRequest): [string, unknown][] {
  const [pair] = pairsOf(queryText(request));
  if (pair !== undefined)
    throw new HttpError("malformed", `${pair[0].slice(0, 100)} stands in the query: say it in the body`);
  // No body at all says nothing; `null` says something, and no object.
  const body = request.body === undefined ? {} : request.body;
  if (typeof body === "object" && body !== null && !Array.isArray(body)) return Object.entries(body);
  throw new HttpError("malformed", "the body must be a JSON object");
}

/** Behind the question mark. */
export function queryText({ url }: { url: string }): string {
  const at = url.indexOf("?");
  return at < 0 ? "" : url.slice(at + 1);
}

/**
 * What the asker last saw of a thing, for operations that compare it. A tag of ours is the time of the row's last
 * change, and what follows the semicolon is of the answer alone. Throws HttpError malformed: never ignored.
 */
function ifMatch(asked: Asked, request: FastifyRequest): string | undefined {
  const text = request.headers["if-match"]?.trim();
  if (text === undefined) return undefined;
  if (!Object.hasOwn(fieldsOf(shapeOf(asked.input)), "if_match"))
    throw new HttpError("malformed", `${asked.name} does not compare versions: leave If-Match out`);
  // Anything that exists will do.
  if (text === "*") return undefined;
  const tag = /^"([^";]+)(;[^"]*)?"$/.exec(text)?.[1];
  if (tag !== undefined) return tag;
  throw new HttpError(
    "malformed",
    'If-Match must be one ETag as it was given, such as "2026-01-01T00:00:00.000Z"',
  );
}
