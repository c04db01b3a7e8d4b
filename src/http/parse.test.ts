import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Type } from "typebox";
import { AppError, ERROR_KINDS, type ErrorKind } from "../errors.ts";
import { etagOf, isKnown } from "./etag.ts";
import { HTTP_CODES, type HttpCode, HttpError } from "./http-error.ts";
import { shapeOf } from "./input.ts";
import { parseBody } from "./json-body.ts";
import { formOf } from "./negotiate.ts";
import { problemOf } from "./problem.ts";
import { pairsOf, queryInput } from "./query.ts";
import { runPhases } from "./shutdown.ts";

const coded = (code: string) => (error: unknown) => error instanceof HttpError && error.http_code === code;
const body = (text: string) => parseBody(Buffer.from(text));

test("a body is JSON in UTF-8 that nobody can read in two ways", () => {
  assert.deepEqual(body('{"a":[1,"\\"{",{"b":null}],"c":"}"}'), { a: [1, '"{', { b: null }], c: "}" });
  assert.equal(body("  "), undefined);
  const refused = [
    "{",
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"x":[{"b":1,"c":2,"b":3}]}',
    '{"__proto__":{"admin":true}}',
    '{"a":"\\ud800"}',
    '{"\\udc00":1}',
    "NaN",
    "{}{}",
    "[".repeat(61),
    `${'{"a":'.repeat(61)}1${"}".repeat(61)}`,
  ];
  for (const text of refused) assert.throws(() => body(text), coded("malformed"), text.slice(0, 40));
  assert.throws(() => parseBody(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), coded("malformed"));
  assert.throws(() => body(`[${"0,".repeat(1_000_001)}0]`), coded("body_too_large"));
  // The same name in two objects, and names that end in backslashes.
  assert.deepEqual(body('[{"a":1},{"a":2}]'), [{ a: 1 }, { a: 2 }]);
  assert.deepEqual(body('{"a\\\\":1,"a":"\\\\"}'), { "a\\": 1, a: "\\" });
});

test("every JSON document without names twice is read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      const text = JSON.stringify(value);
      if (text.includes("__proto__") || /\\ud[89a-f]/i.test(text)) return;
      assert.deepEqual(body(text), JSON.parse(text));
    }),
  );
});

test("text of a query becomes what its schema wants, and what it can't be stays for the validator", () => {
  const shape = Type.Object({
    limit: Type.Optional(Type.Integer()),
    mine: Type.Optional(Type.Boolean()),
    since: Type.Optional(Type.String()),
    ids: Type.Optional(Type.Array(Type.String())),
    after: Type.Optional(Type.Array(Type.Integer())),
    params: Type.Optional(
      Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()])),
    ),
    range: Type.Optional(Type.Object({ min: Type.Number() })),
  });
  const read = (query: string) => Object.fromEntries(queryInput(pairsOf(query), shapeOf(shape)));
  const cases: [string, unknown][] = [
    ["", {}],
    ["limit=5&mine=true&since=2026", { limit: 5, mine: true, since: "2026" }],
    ["limit=5.5", { limit: 5.5 }],
    ["limit=1e2", { limit: 100 }],
    ["limit=0x10", { limit: "0x10" }],
    ["limit=", { limit: "" }],
    ["limit=Infinity", { limit: "Infinity" }],
    ["mine=yes", { mine: "yes" }],
    ["ids=a", { ids: ["a"] }],
    ["ids=a&ids=1", { ids: ["a", "1"] }],
    ["after=1&after=2", { after: [1, 2] }],
    ["params[solvent]=water&params[seed]=42", { params: { solvent: "water", seed: 42 } }],
    ['params[seed]="42"&params[a]=null&params[b]=true', { params: { seed: "42", a: null, b: true } }],
    ["range[min]=-1.5", { range: { min: -1.5 } }],
    ["unknown=1&unknown=2", { unknown: ["1", "2"] }],
    ["unknown[x]=1", { "unknown[x]": "1" }],
    ["limit[x]=1", { "limit[x]": "1" }],
    ["since=a+b%20%C3%A9", { since: "a b é" }],
  ];
  for (const [query, expected] of cases) assert.deepEqual(read(query), expected, query);
  for (const query of ["limit=1&limit=2", "params[a]=1&params[a]=2", "a=%", "a=%ff", "%zz=1"])
    assert.throws(() => read(query), coded("malformed"), query);
  assert.equal((read("__proto__=1") as { limit?: number }).limit, undefined);
  assert.ok(Object.hasOwn(read("__proto__=1"), "__proto__"));
});

test("the form of an answer is the one that is wished for most", () => {
  const of = (accept: string | undefined) => formOf(accept, ["json", "csv", "ndjson"]);
  const cases: [string | undefined, string][] = [
    [undefined, "json"],
    ["", "json"],
    ["*/*", "json"],
    ["application/json", "json"],
    ["application/*", "json"],
    ["text/csv", "csv"],
    ["text/*", "csv"],
    ["text/csv;q=0.5, application/json;q=0.4", "csv"],
    ["text/csv;q=0.5, */*;q=0.8", "json"],
    ["application/json;q=0, application/x-ndjson;q=0.1", "ndjson"],
    ["TEXT/CSV; charset=utf-8", "csv"],
    ["text/html, */*;q=0.1", "json"],
  ];
  for (const [accept, form] of cases) assert.equal(of(accept), form, String(accept));
  for (const accept of ["image/png", "application/json;q=0", "text/csv;q=0, application/pdf"])
    assert.throws(() => of(accept), coded("not_acceptable"), accept);
});

test("a tag changes with the answer, and begins with the time of the row where there is one", () => {
  const at = "2026-01-31T09:30:00.000Z";
  const tag = (tasks: string[]) =>
    etagOf({ updated_at: at, tasks }, JSON.stringify({ updated_at: at, tasks }));
  assert.match(tag([]), /^"2026-01-31T09:30:00.000Z;[\w-]{22}"$/);
  assert.notEqual(tag([]), tag(["done"]), "what hangs on the row changed");
  assert.match(etagOf([], "[]"), /^"[\w-]{22}"$/);
  for (const header of ["*", '"a"', 'W/"a"', '"b", "a"']) assert.ok(isKnown(header, '"a"'), header);
  for (const header of [undefined, '"b"', "a", ""]) assert.ok(!isKnown(header, '"a"'), String(header));
});

test("every kind of error is a problem with its status, and what is ours says nothing of its cause", () => {
  for (const kind of Object.keys(ERROR_KINDS) as ErrorKind[]) {
    const error = new AppError(kind, "server 10.0.0.7 said: relation secret_table", {
      fields: [{ path: "/a", rule: "is wrong" }],
    });
    const { status, headers, body: problem } = problemOf(error, "r-1");
    assert.equal(status, ERROR_KINDS[kind].http);
    assert.equal(problem.type, `/docs/errors#${kind}`);
    assert.equal(problem.request_id, "r-1");
    assert.equal(problem.detail.includes("10.0.0.7"), status < 500, kind);
    assert.equal(headers["retry-after"] !== undefined, status === 503, kind);
    assert.equal(headers["www-authenticate"], status === 401 ? "Bearer" : undefined);
  }
  const plain = problemOf(new Error("at /srv/secret/file.ts"), "r-2").body;
  assert.deepEqual([plain.status, plain.code], [500, "internal"]);
  assert.doesNotMatch(JSON.stringify(plain), /secret/);
  for (const code of Object.keys(HTTP_CODES) as HttpCode[]) {
    const { status, body: problem } = problemOf(new HttpError(code, "said"), "r-3");
    assert.deepEqual([status, problem.code, problem.detail], [HTTP_CODES[code].status, code, "said"]);
  }
});

test("leaving goes through all phases, also past one that fails and one that hangs", async () => {
  const done: string[] = [];
  const failures: unknown[] = [];
  const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => void failures.push(fields) };
  const ends = await runPhases(
    [
      { name: "fails", limit_ms: 1000, run: () => Promise.reject(new Error("no")) },
      { name: "hangs", limit_ms: 5, run: () => new Promise(() => {}) },
      { name: "ends", limit_ms: 1000, run: () => void done.push("ends") },
    ],
    log,
  );
  assert.deepEqual(
    ends.map(({ phase, ended }) => [phase, ended]),
    [
      ["fails", "failed"],
      ["hangs", "late"],
      ["ends", "done"],
    ],
  );
  assert.deepEqual([done, failures.length], [["ends"], 1]);
});
