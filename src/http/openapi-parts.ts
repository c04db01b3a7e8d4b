import { errorResponses } from "./openapi-errors.ts";
import type { OpenApiDocument, OperationObject } from "./openapi-types.ts";

type Components = OpenApiDocument["components"];

export const SECURITY_SCHEMES: Components["securitySchemes"] = {
  bearer: {
    type: "http",
    scheme: "bearer",
    bearerFormat: "JWT",
    description: "An access token, as `auth.login` gives it; or an API key, sent the same way.",
  },
  apiKey: {
    type: "apiKey",
    in: "header",
    name: "X-API-Key",
    description: "An API key, as `key.create` shows it once.",
  },
};

/** What may be said of many requests beside their input. */
export const PARAMETERS: Components["parameters"] = {
  "Idempotency-Key": {
    name: "Idempotency-Key",
    in: "header",
    description:
      "A name that you make for this change: sent twice within 24 hours, it is done once and answered twice.",
    schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,255}$", examples: ["4f6b0f3e-add-water"] },
  },
  "If-Match": {
    name: "If-Match",
    in: "header",
    description: "The ETag that you saw last: somebody else's change since then is not overwritten (412).",
    schema: { type: "string", examples: ['"2026-01-31T09:30:00.000Z"'] },
  },
  "If-None-Match": {
    name: "If-None-Match",
    in: "header",
    description:
      "The ETag of the answer that you have: where it is still that one, 304 comes without a body.",
    schema: { type: "string", examples: ['"n4bQgYhMfWWaL-qgxVrQFa"'] },
  },
  "Last-Event-ID": {
    name: "Last-Event-ID",
    in: "header",
    description: "The last event that you have: the next ones follow.",
    schema: { type: "string", pattern: "^[\\x21-\\x7e]{1,200}$" },
  },
  "X-Request-Id": {
    name: "X-Request-Id",
    in: "header",
    description: "Your name for this request, in our log and in problems; one is made where it is left out.",
    schema: { type: "string", maxLength: 128 },
  },
};

export const HEADERS: Components["headers"] = {
  "X-Request-Id": { description: "What our log calls this request.", schema: { type: "string" } },
  ETag: {
    description:
      "The tag of this answer. Where it begins with a time, that is what `If-Match` is held against; of a file it is the checksum.",
    schema: { type: "string" },
  },
  "Content-Disposition": {
    description: "That it is a file to keep, and what it may be called.",
    schema: { type: "string" },
  },
  Link: { description: 'The next page: `<?cursor=…>; rel="next"` (RFC 8288).', schema: { type: "string" } },
  "Idempotency-Replayed": {
    description: "`true` where this is the answer of an earlier request with the same key.",
    schema: { type: "string", enum: ["true"] },
  },
  "RateLimit-Policy": {
    description: "The limits that hold for you, in requests a minute.",
    schema: { type: "string" },
  },
  RateLimit: {
    description: "What is left of each limit (r), and seconds until there is more (t).",
    schema: { type: "string" },
  },
  "Retry-After": {
    description: "Seconds after which it is worth asking again.",
    schema: { type: "integer", minimum: 1, "x-unit": "s" },
  },
};

const YES = { description: "Yes.", content: { "application/json": { schema: { type: "object" } } } };

/** What is not an operation: this document, the index, and what is asked of the process itself. */
export function ownPaths(): OpenApiDocument["paths"] {
  return {
    "/v1": { get: own("api.index", "What may be asked and followed, by name, and where") },
    "/v1/openapi.json": { get: own("api.openapi", "This document") },
    "/healthz": { get: own("api.live", "Whether this process lives") },
    "/readyz": {
      get: own("api.ready", "Whether it can work: its database answers, and it is not stopping", [503]),
    },
  };
}

function own(operationId: string, summary: string, more: number[] = []): OperationObject {
  return {
    operationId,
    tags: ["api"],
    summary,
    security: [],
    parameters: [{ $ref: "#/components/parameters/X-Request-Id" }],
    responses: { "200": YES, ...errorResponses([400, 408, 431, 500, ...more]) },
  };
}
