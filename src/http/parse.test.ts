import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { Type } from "typebox";
import { VALID } from "../../test/support/valid-inputs.ts";
import { AppError, ERROR_KINDS, type ErrorKind } from "../errors.ts";
import { OPERATIONS } from "../features.ts";
import type { Operation } from "../operation.ts";
import { BodyBudget, type BodyRoom, type Sender } from "./body-budget.ts";
import { bodyLimitOf, LARGEST_BODY_BYTES, mostBytes, STRANGERS_BODY_BYTES } from "./body-limit.ts";
import { etagOf, isKnown } from "./etag.ts";
import { HTTP_CODES, type HttpCode, HttpError } from "./http-error.ts";
import { hasBody, shapeOf } from "./input.ts";
import { parseBody } from "./json-body.ts";
import { formOf } from "./negotiate.ts";
import { type Coding, codingOf, Packed } from "./packed.ts";
import { problemOf } from "./problem.ts";
import { pairsOf, queryInput } from "./query.ts";
import { readBody } from "./read-body.ts";
import { csv } from "./rows.ts";
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
  const named = (names: number) => JSON.stringify(Object.fromEntries(Array(names).fill(0).entries()));
  assert.equal(Object.keys(body(named(10_000)) as object).length, 10_000);
  assert.throws(() => body(named(10_001)), coded("body_too_large"));
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

test("no text of a cell is computed by a spreadsheet, nor begins a row, whatever unseen stands before it", async () => {
  const Rows = Type.Object({
    items: Type.Array(Type.Object({ name: Type.String() })),
    next_cursor: Type.Null(),
  });
  const texts = ["=", "+", "-", "@", "\uff1d"].flatMap((sign) =>
    ["", " ", "\t", "\r", "\n", "\r\n", "\u00a0", "\u200b", "\0", " \t"].map(
      (before) => `${before}${sign}1+1`,
    ),
  );
  const cells = [...texts, "\tx", "\rx", "\nx", "x\n=1", "x\r=1"];
  for (const name of cells) {
    const rows = csv(
      (async function* () {
        yield { items: [{ name }] };
      })(),
      Rows,
    );
    const [, cell = ""] = /^name\r\n(.*)\r\n$/s.exec(Buffer.concat(await rows.toArray()).toString()) ?? [];
    const [, quoted] = /^"(.*)"$/s.exec(cell) ?? [];
    assert.match(quoted ?? cell, /^['x]/, JSON.stringify(name));
    assert.ok(quoted !== undefined || !/[\r\n]/.test(cell), JSON.stringify(name));
  }
  const plain = csv(
    (async function* () {
      yield { items: [{ name: "CC=O" }, { name: " x" }, { name: -1.5 }] };
    })(),
    Rows,
  );
  assert.equal(Buffer.concat(await plain.toArray()).toString(), "name\r\nCC=O\r\n x\r\n-1.5\r\n");
});

test("a body limit is what an operation's input can need, and no more for what takes names alone", () => {
  const operations = OPERATIONS as unknown as Operation[];
  const large = operations.filter((one) => bodyLimitOf(one) > 2 ** 20 + 2 ** 16).map(({ name }) => name);
  assert.deepEqual(large.toSorted(), [
    "batch.add",
    "batch.create",
    "calculation.submit",
    "docking.submit",
    "molecule.add",
    "pipeline.run",
    "receptor.prepare",
    "site.create",
    "structure.add",
  ]);
  for (const one of operations) {
    const limit = bodyLimitOf(one);
    assert.ok(JSON.stringify(VALID[one.name] ?? {}).length < limit / 10, one.name);
    assert.ok(limit <= LARGEST_BODY_BYTES && limit >= STRANGERS_BODY_BYTES, one.name);
    assert.equal(limit === STRANGERS_BODY_BYTES, one.permission === "anyone" || !hasBody(one), one.name);
    assert.ok(bodyLimitOf(one, 1000) === 1000);
  }
});

test("the most bytes of a shape hold any value of it, however its JSON is written", () => {
  const schema = Type.Object({
    a: Type.String({ maxLength: 5 }),
    b: Type.Array(Type.Union([Type.Number(), Type.Null()]), { maxItems: 3 }),
    c: Type.Record(Type.String({ maxLength: 2 }), Type.Boolean(), { maxProperties: 2 }),
    d: Type.Optional(Type.Literal("word")),
  });
  const escaped = (text: string) =>
    text.replaceAll(/[^\0]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const text = (length: number) =>
    fc.string({ unit: "grapheme", maxLength: length }).map((word) => [...word].slice(0, length).join(""));
  fc.assert(
    fc.property(text(5), fc.array(fc.double({ noNaN: true }), { maxLength: 3 }), text(2), (a, b, name) => {
      const bytes =
        JSON.stringify({ a: "", b, c: { "": true }, d: "word" }).length +
        escaped(a).length +
        escaped(name).length;
      assert.ok(bytes <= mostBytes(shapeOf(schema)));
    }),
  );
  assert.equal(mostBytes(shapeOf(Type.Object({ free: Type.Unknown() }))), 2 ** 20 + 10);
  assert.equal(mostBytes(shapeOf(Type.Array(Type.String({ maxLength: 1 })))), Infinity);
});

test("of a packed page each form has its tag and its own bytes, and the asker's weights decide", async () => {
  const page = new Packed("<p>again and again</p>".repeat(500));
  const whole = await page.bytes("identity");
  assert.deepEqual(brotliDecompressSync(await page.bytes("br")), whole);
  assert.deepEqual(gunzipSync(await page.bytes("gzip")), whole);
  assert.equal(await page.bytes("br"), await page.bytes("br"), "packed once");
  assert.equal(new Set((["br", "gzip", "identity"] as const).map((coding) => page.etag(coding))).size, 3);
  const cases: [string | undefined, Coding][] = [
    [undefined, "identity"],
    ["", "identity"],
    ["gzip, deflate, br", "br"],
    ["gzip;q=1.0, br;q=0", "gzip"],
    ["X-GZIP", "gzip"],
    ["*", "br"],
    ["*;q=0", "identity"],
    ["deflate", "identity"],
    ["br;q=nonsense", "identity"],
    ["identity, br;q=0.1", "identity"],
    ["br;q=0.2, gzip;q=0.8", "gzip"],
    ["br;q=0.5, gzip;q=0.5", "br"],
    ["gzip;q=0.1", "gzip"],
    ["br;q=0.5, *;q=0.8", "gzip"],
    ["identity;q=0, br;q=0.1", "br"],
    ["br;q=0, gzip;q=0", "identity"],
  ];
  for (const [accept, coding] of cases) assert.equal(codingOf(accept), coding, accept);
});

/** Room for a body of somebody that has taken so many bytes. */
function took(bodies: BodyBudget, sender: Sender, bytes: number): BodyRoom {
  const room = bodies.open(sender);
  room.take(bytes);
  return room;
}

const of = (user_id: string, org_id: string | null = null) => ({ user_id, org_id });

test("bodies have room as they arrive, a person a quarter, an organization half, and give it back once", () => {
  const bodies = new BodyBudget({ large: 1_000_000, small: 200_000 });
  const unread = Array.from({ length: 1000 }, () => bodies.open(of("eve", "theirs")));
  const first = took(bodies, of("ann", "ours"), 100_000);
  first.take(100_000);
  assert.throws(() => took(bodies, of("ann", "ours"), 100_000), coded("too_many_bodies"));
  const second = took(bodies, of("bob", "ours"), 250_000);
  assert.throws(
    () => took(bodies, of("cy", "ours"), 100_000),
    coded("too_many_bodies"),
    "their organization",
  );
  const others = took(bodies, of("dan", "others"), 250_000);
  took(bodies, of("fay", "others"), 250_000);
  assert.throws(() => took(bodies, of("guy"), 100_000), coded("busy"));
  took(bodies, of("cy", "ours"), 50_000);
  assert.throws(() => took(bodies, of("cy", "ours"), 1), coded("too_many_bodies"));
  for (const room of [first, first, second, others, ...unread]) room[Symbol.dispose]();
  first.take(1_000_000);
  assert.equal(bodies.taken, 300_000);
});

test("a body is small until it is larger, and what is larger than a share goes alone", () => {
  const bodies = new BodyBudget({ large: 400_000, small: 260_000 });
  const grows = bodies.open(of("ann", "ours"));
  for (let n = 0; n < 6; n++) grows.take(50_000);
  assert.throws(() => took(bodies, of("ann", "ours"), 100_000), coded("too_many_bodies"));
  took(bodies, of("ann", "ours"), 60_000);
  assert.throws(() => took(bodies, of("bob"), 101_000), coded("busy"));
  grows[Symbol.dispose]();
  assert.equal(bodies.taken, 60_000);
});

test("strangers have room of their own, an eighth of it from one network, and take none from who is signed in", () => {
  const bodies = new BodyBudget({ small: 20_000, strangers: 80_000 });
  const [first] = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => took(bodies, { network: `192.0.2.${n}` }, 10_000));
  assert.throws(() => took(bodies, { network: "192.0.2.1" }, 1), coded("too_many_bodies"));
  assert.throws(() => took(bodies, { network: "192.0.2.9" }, 1), coded("busy"));
  took(bodies, of("192.0.2.1"), 10_000);
  first?.[Symbol.dispose]();
  assert.equal(bodies.taken, 80_000);
  took(bodies, { network: "192.0.2.9" }, 10_000);
});

test("a body that brings too little in a while is cut, and one that comes slowly enough is whole", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const reading = (most = 1000) => {
    const body = new PassThrough();
    const taken: number[] = [];
    const pace = { bytes: 10, ms: 5000 };
    const take = (bytes: number) => void taken.push(bytes);
    const whole = readBody(body, { most, length: undefined, pace, take });
    whole.catch(() => {});
    const bring = (bytes: number) => {
      body.emit("data", Buffer.alloc(bytes, "x"));
      t.mock.timers.tick(5000);
    };
    return { body, whole, bring, taken };
  };
  const slow = reading();
  for (const bytes of [0, 10, 10, 9]) slow.bring(bytes);
  await assert.rejects(slow.whole, coded("request_too_slow"));
  assert.equal(slow.body.listenerCount("data"), 0);
  const fine = reading();
  for (const bytes of [0, 10, 600]) fine.bring(bytes);
  fine.body.end();
  assert.equal((await fine.whole).toString(), "x".repeat(610));
  assert.deepEqual(fine.taken, [0, 10, 600]);
  const large = reading(15);
  for (const bytes of [10, 10]) large.bring(bytes);
  await assert.rejects(large.whole, coded("body_too_large"));
  assert.deepEqual(large.taken, [10]);
  const left = reading();
  left.body.destroy();
  await assert.rejects(left.whole, coded("asker_left"));
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
    // Of an object its asker is told: the store's own words, which name nothing but a hash.
    assert.equal(problem.detail.includes("10.0.0.7"), status < 500 || kind === "damaged", kind);
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

test("of names that somebody sent no more than 100 characters are said back, whole characters of them", () => {
  const name = "é😀".repeat(20_000);
  const fields = [
    { path: `/records/0/${name}`, rule: `"${name}" is no field here` },
    { rule: "short enough" },
  ];
  const { body } = problemOf(new AppError("bad_input", `no such thing: ${name} or another`, { fields }), "r");
  const text = JSON.stringify(body);
  assert.ok(text.length < 800 && text.isWellFormed() && !/\\ud[89a-f]/i.test(text), text.slice(0, 1000));
  assert.match(body.detail, /^no such thing: \S{100} or another$/);
  assert.match(body.fields?.[0]?.path ?? "", /^\/records\/0\/.{99}…$/);
  assert.deepEqual(body.fields?.[1], fields[1]);
  const words = problemOf(new AppError("bad_input", "a b ".repeat(30_000)), "r");
  assert.equal(words.body.detail.length, 2000);
});
