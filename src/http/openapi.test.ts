import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { VALID } from "../../test/support/valid-inputs.ts";
import { ERROR_KINDS, REFUSAL_CODES } from "../errors.ts";
import { FOLLOWS, OPERATIONS } from "../features.ts";
import type { Operation } from "../operation.ts";
import { HTTP_CODES } from "./http-error.ts";
import { pathNames } from "./input.ts";
import { openApi, TAGS } from "./openapi.ts";
import type { OperationObject, SchemaObject } from "./openapi-types.ts";
import { referencePage } from "./reference.ts";
import { errorsPage } from "./reference-errors.ts";
import { STYLE } from "./reference-style.ts";

const operations = OPERATIONS as unknown as Operation[];
const document = openApi(operations, FOLLOWS);
const raw = JSON.parse(JSON.stringify(document)) as typeof document;
const asked = Object.entries(raw.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, object]) => ({ path, method, object })),
);
const objectOf = (name: string): OperationObject | undefined =>
  asked.find(({ object }) => object.operationId === name)?.object;

const ajv = new Ajv2020({ strict: false });
(formats as unknown as (ajv: Ajv2020) => void)(ajv);
ajv.addSchema({ ...raw, $id: "api" }, "api");
/** A schema of the document, its references followed within it. */
const compile = (schema: SchemaObject) =>
  ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"api#/')) as SchemaObject);

test("every operation and everything to follow stands in the document, with who may ask and what comes back", () => {
  for (const { name, http, permission } of [...operations, ...FOLLOWS]) {
    const object = raw.paths[`/v1${http.path}`]?.[http.method.toLowerCase()];
    assert.equal(object?.operationId, name);
    assert.equal(object["x-permission"], permission);
    assert.equal(object.security.length === 0, permission === "anyone", name);
    const inPath = object.parameters.flatMap((one) => ("in" in one && one.in === "path" ? [one.name] : []));
    assert.deepEqual(inPath, pathNames(http.path), name);
    const good = Object.keys(object.responses).filter((status) => status < "300");
    assert.equal(good.length, 1, name);
    for (const status of [400, 401, 403, 422, 429, 500, 503])
      assert.ok(String(status) in object.responses, `${name} ${status}`);
  }
  assert.equal(new Set(asked.map(({ object }) => object.operationId)).size, asked.length);
});

test("every schema of the document is one, every reference leads somewhere, and no word of ours is left in it", () => {
  const text = JSON.stringify(raw);
  for (const [, ref = ""] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    let found: unknown = raw;
    for (const part of ref.split("/")) found = (found as Record<string, unknown> | undefined)?.[part];
    assert.ok(found !== undefined, ref);
  }
  for (const schema of Object.values(raw.components.schemas))
    for (const word of ["unit", "shape", "additionalItems", "~kind"])
      assert.ok(!words(schema).has(word), word);
  for (const [name, schema] of Object.entries(raw.components.schemas))
    assert.ok(ajv.validateSchema(schema), name);
  for (const { object } of asked)
    for (const one of object.parameters)
      if ("schema" in one) assert.ok(ajv.validateSchema(one.schema), one.name);
});

/** Words that a schema is written with; names of fields and examples are none. */
function words(schema: SchemaObject): Set<string> {
  const fields = Object.values((schema["properties"] ?? {}) as Record<string, SchemaObject>);
  const inner = ["items", "additionalProperties"].flatMap((key) => schema[key] ?? []);
  const parts = ["anyOf", "oneOf", "allOf", "prefixItems"].flatMap((key) => schema[key] ?? []);
  const objects = [...fields, ...inner, ...parts].filter(
    (each) => typeof each === "object",
  ) as SchemaObject[];
  return new Set([...Object.keys(schema), ...objects.flatMap((each) => [...words(each)])]);
}

test("what an operation takes, the document takes; what it shows as an example too", () => {
  const wrong: unknown[] = [];
  for (const { name, http } of operations) {
    const object = objectOf(name);
    const input = { ...VALID[name] };
    for (const field of pathNames(http.path)) delete input[field];
    const body = object?.requestBody?.content["application/json"];
    if (body !== undefined) {
      const check = compile(body.schema);
      assert.ok(check(input), `${name}: ${JSON.stringify(check.errors)}`);
      if (!check(body.example)) wrong.push([name, body.example, check.errors?.[0]]);
      assert.ok(!check({ ...input, unexpected: 1 }), name);
      continue;
    }
    for (const [field, value] of Object.entries(input)) {
      const parameter = object?.parameters.find(
        (one) => "in" in one && one.in === "query" && one.name === field,
      );
      assert.ok(parameter !== undefined && "schema" in parameter, `${name}: ${field}`);
      assert.ok(compile(parameter.schema)(value), `${name}: ${field}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test("lists say that they come as rows too, changes that they take a key, comparing ones a tag", () => {
  const contentOf = (name: string) => {
    const response = objectOf(name)?.responses["200"];
    return response !== undefined && "content" in response ? Object.keys(response.content ?? {}) : [];
  };
  const headersOf = (name: string) =>
    (objectOf(name)?.parameters ?? []).flatMap((one) => ("$ref" in one ? [one.$ref.split("/").at(-1)] : []));
  assert.deepEqual(contentOf("job.list"), ["application/json", "text/csv", "application/x-ndjson"]);
  assert.deepEqual(contentOf("job.show"), ["application/json"]);
  assert.deepEqual(contentOf("job.follow"), ["text/event-stream"]);
  assert.ok(headersOf("molecule.add").includes("Idempotency-Key"));
  assert.ok(!headersOf("auth.login").includes("Idempotency-Key"));
  assert.ok(headersOf("job.list").includes("If-None-Match"));
  assert.ok(headersOf("job.follow").includes("Last-Event-ID"));
  assert.ok("201" in (objectOf("molecule.add")?.responses ?? {}));
  const units = JSON.stringify(raw.components.schemas["CalculationQueryAnswer"]);
  assert.match(units, /"energy_eh":\{[^}]*"x-unit":"Eh"/);
});

test("the reference page holds every operation and field, links that lead somewhere, and nothing from elsewhere", () => {
  const page = referencePage(document);
  const ids = new Set([...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
  for (const { object } of asked) assert.ok(ids.has(object.operationId), object.operationId);
  for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) assert.ok(ids.has(target), `#${target}`);
  const errors = errorsPage(document);
  const rows = new Set([...errors.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
  for (const [, target] of page.matchAll(/href="docs\/errors#([^"]+)"/g)) assert.ok(rows.has(target), target);
  for (const kind of Object.keys(ERROR_KINDS)) assert.ok(rows.has(kind), kind);
  for (const code of Object.keys(HTTP_CODES)) assert.ok(rows.has(`c-${code}`), code);
  for (const text of [page, errors]) {
    assert.doesNotMatch(text, /<script|<img|<iframe|style=|onclick=|javascript:/i);
    for (const [, target = ""] of text.matchAll(/(?:href|src)="([^"]+)"/g))
      assert.doesNotMatch(target, /^(\w+:|\/)/);
    assert.match(text, /<meta name="viewport"/);
  }
  assert.doesNotMatch(STYLE, /url\(|@import/);
  assert.match(page, /energy_eh<\/code>.*?<td>Eh<\/td>/);
});

test("the page begins with an index by noun, in the order of TAGS, that leads to every operation", () => {
  assert.deepEqual(
    raw.tags.map(({ name }) => name),
    Object.keys(TAGS),
    "every noun says what it is, and none is left over",
  );
  const page = referencePage(document);
  const index = page.slice(page.indexOf('id="operations"'), page.indexOf("<article"));
  assert.equal(index.match(/<details>/g)?.length, raw.tags.length);
  for (const { object } of asked) assert.ok(index.includes(`<a href="#${object.operationId}">`));
  assert.match(page, /curl &quot;\$ALIQUOT_URL\/v1\/jobs\/01a1fe1e-[0-9a-f-]+&quot;/);
  assert.match(page, /outputs\/optimize%2Fxtbopt\.xyz&quot; \\\n.* \\\n {2}-f -OJ/);
});

test("what stands in a schema is text on the page, never a part of it", () => {
  const evil = structuredClone(raw);
  const article = evil.paths["/v1/jobs"]?.["get"];
  assert.ok(article !== undefined);
  article.summary = 'a `<b>` and <script>alert("x")</script>';
  evil.info.title = "<u>Title</u>";
  const page = referencePage(evil);
  assert.ok(page.includes("&lt;u&gt;Title&lt;/u&gt; API") && !page.includes("<u>"));
  assert.ok(page.includes("a <code>&lt;b&gt;</code> and &lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;"));
});

test("docs/errors.md lists every code that has a status of its own, with its kind, and no other", () => {
  const guide = readFileSync(join(import.meta.dirname, "../../docs/errors.md"), "utf8");
  const section = guide.split(/^## /m).find((part) => part.startsWith("Over HTTP")) ?? "";
  const listed = [...section.matchAll(/^\| `(\w+)` \| (\d+) \| `(\w+)` \| \S.* \|$/gm)].map(
    ([, code, status, kind]) => [code, Number(status), kind],
  );
  const real = [
    ...Object.entries(REFUSAL_CODES).map(([code, status]) => [code, status, "conflict"]),
    ...Object.entries(HTTP_CODES).map(([code, { status, kind }]) => [code, status, kind]),
  ];
  assert.deepEqual(listed.toSorted(), real.toSorted());
});
