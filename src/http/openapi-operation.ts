import type { Follow, Operation } from "../operation.ts";
import { formsOf, statusOf } from "./answer.ts";
import { hasBody, pathNames, shapeOf } from "./input.ts";
import { FORMS } from "./negotiate.ts";
import { errorResponses, errorStatuses } from "./openapi-errors.ts";
import { exampleOf, published, requiredOf, withoutFields } from "./openapi-schema.ts";
import type {
  Content,
  OperationObject,
  Parameter,
  Reference,
  ResponseObject,
  SchemaObject,
} from "./openapi-types.ts";
import { fieldsOf, type Shape, typesOf } from "./shape.ts";

/** Puts a schema among the components, and gives the reference to it. */
export type Named = (name: string, schema: SchemaObject) => Reference;

const EVERY: Reference[] = [{ $ref: "#/components/parameters/X-Request-Id" }];

/** An operation as OpenAPI has it. Pure but for what `named` keeps. */
export function operationObject(operation: Operation, named: Named): OperationObject {
  const name = typeName(operation.name);
  const input = shapeOf(operation.input);
  const places = pathNames(operation.http.path);
  const isOpen = operation.permission === "anyone";
  const body = hasBody(operation) ? withoutFields(input, [...places, "if_match"]) : undefined;
  return {
    ...headOf(operation),
    parameters: [
      ...pathParameters(places, input),
      ...(body === undefined ? queryParameters(withoutFields(input, [...places, "if_match"])) : []),
      ...headerParameters(operation, isOpen),
      ...EVERY,
    ],
    ...(body === undefined || Object.keys(fieldsOf(body)).length === 0
      ? {}
      : { requestBody: requestBody(body, named(`${name}Request`, published(body))) }),
    responses: {
      ...(operation.file === true
        ? fileSuccess()
        : success(operation, named(`${name}Answer`, published(operation.output)))),
      ...errors(operation),
    },
  };
}

/** An input that could be asked: what must be given, and what has an example of its own. Pure. */
export function exampleInput(operation: Operation): Record<string, unknown> {
  const input = shapeOf(operation.input);
  const whole = exampleOf(input) as Record<string, unknown>;
  // In an address what may be left out is: fields of a query say each something else.
  const names = hasBody(operation) ? Object.keys(whole) : [...requiredOf(input)];
  return Object.fromEntries(names.map((name) => [name, whole[name]]));
}

/** Something to follow: server-sent events. */
export function followObject(followed: Follow, named: Named): OperationObject {
  const input = shapeOf(followed.input);
  const places = pathNames(followed.http.path);
  const data = named(`${typeName(followed.name)}Event`, published(followed.told_as));
  return {
    ...headOf(followed),
    description: `Server-sent events. \`data\` of each is JSON (${data.$ref.split("/").at(-1)}); a comment comes where nothing happens, \`end\` when nothing more can, \`error\` with a problem where it broke. Whoever lost the line goes on with \`Last-Event-ID\`.`,
    parameters: [
      ...pathParameters(places, input),
      ...queryParameters(withoutFields(input, places)),
      { $ref: "#/components/parameters/Last-Event-ID" },
      ...EVERY,
    ],
    responses: {
      "200": {
        description: "The events, as they happen.",
        headers: headersNamed("X-Request-Id"),
        // Of no type: some readers hold the whole text against it, others each event.
        content: { [FORMS.events]: { schema: { "x-event-data": data } } },
      },
      ...errors(followed),
    },
  };
}

/** `job.list` as JobList. */
function typeName(name: string): string {
  return name
    .split(/[._]/)
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join("");
}

function headOf({ name, summary, permission }: Operation | Follow) {
  const [tag = name] = name.split(".");
  const who = { bearer: [] };
  return {
    operationId: name,
    tags: [tag],
    summary,
    "x-permission": permission,
    security: permission === "anyone" ? [] : permission === "in_person" ? [who] : [who, { apiKey: [] }],
  };
}

function pathParameters(names: readonly string[], input: Shape): Parameter[] {
  const fields = fieldsOf(input);
  return names.map((name) => ({
    name,
    in: "path",
    required: true,
    ...described(fields[name] ?? {}),
  }));
}

function queryParameters(input: Shape): Parameter[] {
  const required = requiredOf(input);
  return Object.entries(fieldsOf(input)).map(([name, field]) => ({
    name,
    in: "query",
    ...(required.has(name) ? { required: true } : {}),
    ...described(field),
    ...styleOf(field),
  }));
}

function described(field: Shape): { description?: string; schema: SchemaObject } {
  const { description, ...schema } = published(field);
  return { ...(typeof description === "string" ? { description } : {}), schema };
}

function styleOf(field: Shape): Pick<Parameter, "style" | "explode"> {
  const types = field.type === undefined && field.anyOf === undefined ? new Set<string>() : typesOf(field);
  if (types.has("array")) return { style: "form", explode: true };
  return types.has("object") ? { style: "deepObject", explode: true } : {};
}

function headerParameters(operation: Operation, isOpen: boolean): Reference[] {
  const names = [
    ...(operation.told !== undefined && operation.repeats !== false && !isOpen ? ["Idempotency-Key"] : []),
    ...(Object.hasOwn(fieldsOf(shapeOf(operation.input)), "if_match") ? ["If-Match"] : []),
    ...(operation.http.method === "GET" ? ["If-None-Match"] : []),
  ];
  return names.map((name) => ({ $ref: `#/components/parameters/${name}` }));
}

function requestBody(body: Shape, schema: Reference): { required: boolean; content: Content } {
  return {
    required: requiredOf(body).size > 0,
    content: { [FORMS.json]: { schema, example: exampleOf(body) } },
  };
}

function success(operation: Operation, schema: Reference): Record<string, ResponseObject> {
  const status = statusOf(operation);
  const isGet = operation.http.method === "GET";
  const example = exampleOf(shapeOf(operation.output));
  const content: Content = Object.fromEntries(
    formsOf(operation).map((form) => [
      FORMS[form],
      form === "json" ? { schema, example } : { schema: { type: "string", description: ROWS[form] } },
    ]),
  );
  const headers = headersNamed(
    "X-Request-Id",
    "RateLimit",
    "RateLimit-Policy",
    ...(isGet ? ["ETag"] : []),
    ...(isGet && formsOf(operation).length > 1 ? ["Link"] : []),
    ...(operation.told === undefined || operation.repeats === false ? [] : ["Idempotency-Replayed"]),
  );
  return {
    [status]: { description: status === 201 ? "Made." : "Done.", headers, content },
    ...(isGet ? { "304": { description: "It is what `If-None-Match` names." } } : {}),
  };
}

function fileSuccess(): Record<string, ResponseObject> {
  const schema = {
    type: "string",
    format: "binary",
    description: "The bytes. A connection that ends before `Content-Length` of them ends what is not whole.",
  };
  const headers = headersNamed(
    "X-Request-Id",
    "RateLimit",
    "RateLimit-Policy",
    "ETag",
    "Content-Disposition",
  );
  return {
    "200": { description: "The file.", headers, content: { [FORMS.bytes]: { schema } } },
    "304": { description: "It is what `If-None-Match` names." },
  };
}

const ROWS: Record<string, string> = {
  csv: "The rows of all pages (of one page where `limit` is given), with a head line; columns are called as fields are.",
  ndjson: "The rows of all pages (of one page where `limit` is given), one JSON object a line.",
};

function headersNamed(...names: string[]): Record<string, Reference> {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function errors(asked: Operation | Follow): Record<string, Reference> {
  return errorResponses(errorStatuses(asked));
}
