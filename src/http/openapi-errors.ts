import { ERROR_KINDS, type ErrorKind } from "../errors.ts";
import type { Follow, Operation } from "../operation.ts";
import { HTTP_CODES, type HttpCode } from "./http-error.ts";
import { hasBody, pathNames, shapeOf } from "./input.ts";
import type { Reference, ResponseObject, SchemaObject } from "./openapi-types.ts";
import { TITLES } from "./problem.ts";
import { fieldsOf } from "./shape.ts";

const SENTENCES: Record<number, string> = {
  400: "The request can't be read: JSON, query, a header in the wrong place.",
  401: "Nobody is signed in, or the access token or API key is not valid (any longer).",
  403: "The asker lacks the permission.",
  404: "It does not exist, or it is another organization's, or somebody's private one: the same answer.",
  405: "Not with this method; `Allow` says with which.",
  406: "There is no such form of this answer.",
  408: "The request did not arrive in time.",
  409: "It is in a state in which this can't be done.",
  412: "It was changed since the ETag in `If-Match` was given.",
  413: "The body is too large.",
  414: "A part of the path is too long.",
  415: "The body is not `application/json` in UTF-8.",
  422: "The input breaks a rule (`fields` says which), an engine refuses it, or the Idempotency-Key was used for another request.",
  429: "A limit is reached: `Retry-After` and `RateLimit` say when there is more.",
  431: "Address and headers together are too large.",
  500: "Something of ours broke: our log has it under `request_id`. Or stored bytes are damaged or lost (`damaged`): `detail` says what to do, and asking again helps nothing.",
  501: "The bytes of the body are in a transfer coding other than `chunked`.",
  503: "A part is away, or it took too long: ask again after `Retry-After`.",
};

/** Every status that an operation may answer with instead of what was asked. Pure. */
export function errorStatuses(asked: Operation | Follow): number[] {
  const isFollow = "told_as" in asked;
  const told = !isFollow && asked.told !== undefined;
  return [
    ...[400, 401, 403, 404, 406, 408],
    // Some of those that only ask refuse too, where what they look at is not in a state to be asked of.
    409,
    ...(Object.hasOwn(fieldsOf(shapeOf(asked.input)), "if_match") ? [412] : []),
    ...(hasBody(asked) || told ? [413] : []),
    ...(pathNames(asked.http.path).length > 0 ? [414] : []),
    ...(hasBody(asked) ? [415] : []),
    ...[422, 429, 431, 500],
    ...(hasBody(asked) ? [501] : []),
    503,
  ];
}

/** References to the responses of these statuses. */
export function errorResponses(statuses: readonly number[]): Record<string, Reference> {
  return Object.fromEntries(
    statuses.map((status) => [String(status), { $ref: `#/components/responses/Problem${status}` }]),
  );
}

/** All statuses with their problem, as components. */
export function problemResponses(): Record<string, ResponseObject> {
  return Object.fromEntries(
    Object.entries(SENTENCES).map(([status, description]) => [
      `Problem${status}`,
      {
        description,
        headers: {
          "X-Request-Id": { $ref: "#/components/headers/X-Request-Id" },
          ...(status === "429" || status === "503"
            ? { "Retry-After": { $ref: "#/components/headers/Retry-After" } }
            : {}),
        },
        content: {
          "application/problem+json": {
            schema: { $ref: "#/components/schemas/Problem" },
            example: exampleProblem(Number(status)),
          },
        },
      },
    ]),
  );
}

function exampleProblem(status: number): object {
  const [code = "internal", kind] = firstOf(status);
  return {
    type: `/docs/errors#${kind}`,
    title: code in HTTP_CODES ? HTTP_CODES[code as HttpCode].title : TITLES[kind],
    status,
    detail: SENTENCES[status] ?? "",
    code,
    request_id: "01a1fe1e-adee-71d3-b047-cb8dccb58f15",
    ...(status === 422 ? { fields: [{ path: "/limit", rule: "must be <= 1000" }] } : {}),
  };
}

function firstOf(status: number): [string, ErrorKind] {
  const http = Object.entries(HTTP_CODES).find(([, one]) => one.status === status);
  const kind = Object.entries(ERROR_KINDS).find(([, one]) => one.http === status);
  if (kind !== undefined) return [kind[0], kind[0] as ErrorKind];
  if (http !== undefined) return [http[0], http[1].kind];
  return ["precondition_failed", "conflict"];
}

/** The one shape of everything that went wrong. */
export const PROBLEM_SCHEMA: SchemaObject = {
  type: "object",
  description: "An error (RFC 9457).",
  required: ["type", "title", "status", "detail", "code", "request_id"],
  properties: {
    type: {
      type: "string",
      format: "uri-reference",
      description: "Its kind, as a link to the table of errors.",
    },
    title: { type: "string", description: "The kind in words; the same for every error of it." },
    status: { type: "integer", description: "The HTTP status.", minimum: 400, maximum: 599, "x-unit": "1" },
    detail: { type: "string", description: "What happened, why, and what to do." },
    code: { type: "string", description: "What a program looks at: the kind, or something finer." },
    request_id: { type: "string", description: "What our log calls this request." },
    fields: {
      type: "array",
      description: "Where in the input a rule was broken.",
      items: {
        type: "object",
        required: ["rule"],
        properties: {
          path: { type: "string", description: "The field, as a JSON pointer." },
          line: { type: "integer", description: "The line of a text or file.", "x-unit": "1" },
          code: { type: "string", description: "Of one record of many: its own reason." },
          rule: { type: "string", description: "What it must be." },
        },
      },
    },
  },
};
