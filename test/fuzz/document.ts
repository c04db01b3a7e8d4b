import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import type { Schema } from "./generate.ts";

export type Parameter = {
  name: string;
  in: "path" | "query" | "header";
  required?: boolean;
  schema: Schema;
  style?: string;
};

type Referring<T> = T | { $ref: string };
type Content = Record<string, { schema?: Schema }>;
type Response = { content?: Content };
export type Endpoint = {
  operationId: string;
  method: string;
  path: string;
  parameters: Parameter[];
  body: Schema | undefined;
  responses: Record<string, Response>;
  /** It needs no one to be signed in. */
  open: boolean;
};

type Raw = {
  operationId?: string;
  parameters?: Referring<Parameter>[];
  requestBody?: { content?: Content };
  responses: Record<string, Referring<Response>>;
  security?: unknown[];
};

type RawDocument = { paths: Record<string, Record<string, Raw>>; components?: unknown };

/** An OpenAPI 3.1 document as a stranger reads it. */
export class ApiDocument {
  readonly endpoints: Endpoint[];
  readonly #raw: RawDocument;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: false });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(raw: object) {
    this.#raw = raw as RawDocument;
    (formats as unknown as (ajv: Ajv2020) => void)(this.#ajv);
    this.#ajv.addSchema({ ...raw, $id: "api" } as object, "api");
    this.endpoints = Object.entries(this.#raw.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, one]) =>
        method === "parameters" ? [] : [this.#endpointOf(path, method, one)],
      ),
    );
  }

  /** What a `$ref` within the document means. */
  resolve = (ref: string): Schema => {
    const parts = ref
      .replace(/^#\//, "")
      .split("/")
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    let found: unknown = this.#raw;
    for (const part of parts) found = (found as Record<string, unknown>)[part];
    return found as Schema;
  };

  /** Why an answer is not one that the document promises; undefined where it is. */
  complaint(endpoint: Endpoint, status: number, type: string, body: string): string | undefined {
    const promised = endpoint.responses[String(status)];
    if (promised === undefined) return `status ${status} is not documented`;
    const media = type.split(";")[0]?.trim() ?? "";
    if (body === "" && promised.content === undefined) return undefined;
    const content = promised.content?.[media];
    if (content === undefined) return `status ${status} with content ${media || "(none)"} is not documented`;
    if (!/json$/.test(media)) return undefined;
    return this.#mismatch(`${endpoint.operationId} ${status} ${media}`, content.schema ?? {}, body);
  }

  #endpointOf(path: string, method: string, one: Raw): Endpoint {
    return {
      operationId: one.operationId ?? `${method} ${path}`,
      method: method.toUpperCase(),
      path,
      parameters: (one.parameters ?? []).map((each) => this.#followed(each)),
      body: one.requestBody?.content?.["application/json"]?.schema,
      responses: Object.fromEntries(
        Object.entries(one.responses).map(([status, each]) => [status, this.#followed(each)]),
      ),
      open: one.security?.length === 0,
    };
  }

  #followed<T>(each: Referring<T>): T {
    const ref = (each as { $ref?: string }).$ref;
    return ref === undefined ? (each as T) : (this.resolve(ref) as T);
  }

  #mismatch(key: string, schema: Schema, body: string): string | undefined {
    let value: unknown;
    try {
      value = JSON.parse(body);
    } catch {
      return "the body is not JSON";
    }
    const known = this.#validators.get(key) ?? this.#ajv.compile(rebased(schema));
    this.#validators.set(key, known);
    if (known(value)) return undefined;
    const [first] = known.errors ?? [];
    return `the answer does not match its schema: ${first?.instancePath || "/"} ${first?.message}`;
  }
}

/** References within the document, as the validator knows them. */
function rebased(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"api#/')) as Schema;
}
