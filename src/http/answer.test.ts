import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Type } from "typebox";
import { submitSmiles } from "../../test/support/context.ts";
import { assertProblem, openHttpLab } from "../../test/support/http.ts";
import { operation } from "../operation.ts";

/** What an answer may be beside a document: rows, pages, tags, what was answered before. */

const Rows = Type.Object({
  items: Type.Array(
    Type.Object({
      name: Type.String(),
      energy_eh: Type.Number(),
      tags: Type.Array(Type.String()),
      note: Type.Unknown(),
    }),
  ),
  next_cursor: Type.Union([Type.String(), Type.Null()]),
});
const ROWS = [
  { name: "=1+1", energy_eh: -5.07, tags: ["a", "b"], note: null },
  { name: '-x "quoted", and\nmore', energy_eh: 0, tags: [], note: true },
  { name: "ünïcode", energy_eh: 1e-9, tags: [], note: { a: 1 } },
];

const listRows = operation({
  name: "test.rows",
  summary: "Rows, one a page",
  permission: "jobs:read",
  http: { method: "GET", path: "/test/rows" },
  tx: "own",
  input: Type.Object({
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1 })),
    cursor: Type.Optional(Type.String()),
  }),
  output: Rows,
  run: async (_call, { cursor = "0" }) => ({
    items: ROWS.slice(Number(cursor), Number(cursor) + 1),
    next_cursor: Number(cursor) + 1 < ROWS.length ? String(Number(cursor) + 1) : null,
  }),
});

const given: unknown[] = [];
const change = operation({
  name: "test.change",
  summary: "Changes a thing that two may change",
  permission: "signed_in",
  http: { method: "PATCH", path: "/test/things/{thing}" },
  tx: "own",
  input: Type.Object(
    { thing: Type.String(), if_match: Type.Optional(Type.String()), name: Type.Optional(Type.String()) },
    { additionalProperties: false },
  ),
  output: Type.Unknown(),
  run: async (_call, input) => {
    given.push(input);
    return { updated_at: "2026-01-31T09:30:00.000Z", name: input.name };
  },
  told: true,
});

const { ask, context, org, scientist } = await openHttpLab({ after }, { operations: [listRows, change] });

test("a list comes as JSON a page at a time with a link to the next, and as rows of all pages", async () => {
  const first = await ask({ url: "/v1/test/rows?limit=1" });
  assert.deepEqual(
    [first.json<{ items: unknown[] }>().items, first.headers["link"]],
    [ROWS.slice(0, 1), '<?limit=1&cursor=1>; rel="next"'],
  );
  const last = await ask({ url: "/v1/test/rows?cursor=2" });
  assert.equal(last.headers["link"], undefined);
  const ndjson = await ask({ url: "/v1/test/rows", headers: { accept: "application/x-ndjson" } });
  assert.deepEqual(
    ndjson.body
      .trim()
      .split("\n")
      .map((text) => JSON.parse(text)),
    ROWS,
  );
  const csv = await ask({ url: "/v1/test/rows", headers: { accept: "text/csv" } });
  assert.equal(csv.headers["content-type"], "text/csv; charset=utf-8");
  assert.equal(
    csv.body,
    [
      "name,energy_eh,tags,note",
      `'=1+1,-5.07,"[""a"",""b""]",`,
      `"'-x ""quoted"", and\nmore",0,[],true`,
      'ünïcode,1e-9,[],"{""a"":1}"',
      "",
    ].join("\r\n"),
  );
  const one = await ask({ url: "/v1/test/rows?limit=1&cursor=1", headers: { accept: "text/csv" } });
  assert.equal(one.body.trim().split("\r\n").length, 2, "one page, because a limit was given");
  assert.equal(one.headers["link"], '<?limit=1&cursor=2>; rel="next"');
  const empty = await ask({ url: "/v1/molecules?name=nothing", headers: { accept: "text/csv" } });
  assert.match(empty.body, /^molecule_id,.*\r\n$/, "the head line comes without rows too");
});

test("a list by job comes as rows too, all of them, and takes no limit beside its jobs", async () => {
  const { jobs } = await submitSmiles(context, scientist, "O");
  const csv = { accept: "text/csv" };
  for (const list of ["dockings", "calculations"]) {
    const of = `/v1/${list}?job_ids=${jobs[0]?.job_id}`;
    const rows = await ask({ url: of, headers: csv });
    assert.deepEqual([rows.statusCode, rows.body.split("\r\n").length], [200, 2], rows.body);
    for (const headers of [csv, {}])
      assertProblem(await ask({ url: `${of}&limit=1`, headers }), 422, "bad_input");
  }
});

test("rows of a whole list are told to the audit log, by the names of what was asked; a page or a head is not", async () => {
  const entries = () =>
    context.superuser<{ action: string; user_id: string; metadata: object }>(
      "SELECT action, user_id, metadata FROM audit_logs WHERE entity_type = 'export' AND org_id = $1 ORDER BY seq",
      [org.org_id],
    );
  const before = (await entries()).length;
  const csv = { accept: "text/csv" };
  await ask({ url: "/v1/molecules?name=secret-name", headers: { accept: "application/x-ndjson" } });
  await ask({ url: "/v1/test/rows", headers: csv });
  await ask({ url: "/v1/test/rows?limit=1", headers: csv });
  await ask({ url: "/v1/test/rows" });
  await ask({ method: "HEAD", url: "/v1/test/rows", headers: csv });
  assertProblem(await ask({ url: "/v1/molecules?nothing=1", headers: csv }), 422);
  const of = { user_id: scientist.user_id };
  assert.deepEqual((await entries()).slice(before), [
    {
      ...of,
      action: "molecule.list",
      metadata: { format: "ndjson", rows: 0, complete: true, filters: ["name"] },
    },
    { ...of, action: "test.rows", metadata: { format: "csv", rows: 3, complete: true, filters: [] } },
  ]);
});

test("an answer has a tag, and who has it already gets no body; HEAD gets the same headers", async () => {
  const get = await ask({ url: "/v1/jobs" });
  const etag = String(get.headers["etag"]);
  for (const header of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const again = await ask({ url: "/v1/jobs", headers: { "if-none-match": header } });
    assert.deepEqual([again.statusCode, again.body, again.headers["etag"]], [304, "", etag]);
  }
  assert.equal((await ask({ url: "/v1/jobs", headers: { "if-none-match": '"other"' } })).statusCode, 200);
  const head = await ask({ method: "HEAD", url: "/v1/jobs" });
  assert.deepEqual(
    [
      head.statusCode,
      head.body,
      head.headers["etag"],
      head.headers["content-length"],
      head.headers["content-type"],
    ],
    [200, "", etag, get.headers["content-length"], get.headers["content-type"]],
  );
  const rows = await ask({ method: "HEAD", url: "/v1/test/rows", headers: { accept: "text/csv" } });
  assert.deepEqual(
    [rows.statusCode, rows.body, rows.headers["content-type"]],
    [200, "", "text/csv; charset=utf-8"],
  );
});

test("If-Match reaches an operation that compares, as the time in the tag; others refuse it", async () => {
  const changed = (header: string) =>
    ask({
      method: "PATCH",
      url: "/v1/test/things/a%2Fb",
      payload: { name: "n" },
      headers: { "if-match": header },
    });
  const at = "2026-01-31T09:30:00.000Z";
  for (const header of [`"${at}"`, `"${at};hash"`]) {
    assert.equal((await changed(header)).statusCode, 200);
    assert.deepEqual(given.at(-1), { thing: "a/b", name: "n", if_match: at });
  }
  await changed("*");
  assert.deepEqual(given.at(-1), { thing: "a/b", name: "n" });
  for (const header of [at, `W/"${at}"`, `"a", "b"`, '""'])
    assertProblem(await changed(header), 400, "malformed");
});

test("a change under a key is done once, says that it was repeated, and refuses another body", async () => {
  const add = (text: string, key = "add-1") =>
    ask({
      method: "POST",
      url: "/v1/molecules",
      payload: { records: [{ text, format: "smiles" }] },
      headers: { "idempotency-key": key },
    });
  const first = await add("CCO");
  assert.deepEqual([first.statusCode, first.headers["idempotency-replayed"]], [201, undefined]);
  const again = await add("CCO");
  assert.deepEqual(
    [again.statusCode, again.headers["idempotency-replayed"], again.json()],
    [201, "true", first.json()],
  );
  assertProblem(await add("CCC"), 422, "idempotency_mismatch");
  assert.equal((await add("CCO", "x".repeat(255))).statusCode, 201);
});
