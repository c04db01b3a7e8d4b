import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { InjectOptions, LightMyRequestResponse } from "fastify";
import { Type } from "typebox";
import { signIn } from "../../test/security/asking.ts";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { VALID } from "../../test/support/valid-inputs.ts";
import { hashPassword } from "../access/passwords.ts";
import { PERMISSIONS } from "../access/permissions.ts";
import { AppError } from "../errors.ts";
import { FOLLOWS, OPERATIONS } from "../features.ts";
import { type Operation, operation } from "../operation.ts";
import { HTTP_CODES } from "./http-error.ts";
import { hasBody, pathNames } from "./input.ts";
import { openApi } from "./openapi.ts";
import type { Problem } from "./problem.ts";
import { buildServer } from "./server.ts";

const lines: { fields: Record<string, unknown>; message: string }[] = [];
const line = (fields: object, message: string) =>
  void lines.push({ fields: fields as Record<string, unknown>, message });
const context = await openTestContext(
  { after },
  { log: { debug() {}, info: line, warn: line, error: line } },
);
const org = await makeOrg(context);
const scientist = await person(context, org, "scientist");
const viewer = await person(context, org, "viewer");
const operations = OPERATIONS as unknown as Operation[];

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
const given: unknown[] = [];

/** Operations of this file: what no real one does yet, or not so that it could be seen. */
const own = {
  rows: operation({
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
  }),
  change: operation({
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
    told: () => ({ entity_type: "thing" }),
  }),
  breaks: operation({
    name: "test.breaks",
    summary: "Breaks",
    permission: "signed_in",
    http: { method: "GET", path: "/test/breaks" },
    tx: "own",
    input: Type.Object({}),
    output: Type.Unknown(),
    run: async () => {
      throw new Error("relation secret_table at 10.0.0.7 does not exist");
    },
  }),
};

const app = await buildServer(context, {
  operations: [...operations, ...(Object.values(own) as unknown as Operation[])],
  body_bytes: 200_000,
});
after(() => app.close());
const token = await signIn(context, app, scientist);

type Ask = Omit<InjectOptions, "headers"> & { headers?: Record<string, string>; as?: string | null };

function ask({ as = token, headers = {}, ...rest }: Ask): Promise<LightMyRequestResponse> {
  const who: Record<string, string> = as === null ? {} : { authorization: `Bearer ${as}` };
  return app.inject({ ...rest, headers: { ...who, ...headers } });
}

function assertProblem(answer: LightMyRequestResponse, status: number, code?: string): Problem {
  assert.equal(answer.statusCode, status, answer.body);
  assert.equal(answer.headers["content-type"], "application/problem+json; charset=utf-8");
  const problem = answer.json<Problem>();
  assert.equal(problem.status, status);
  assert.equal(problem.request_id, answer.headers["x-request-id"]);
  assert.match(problem.type, /^\/docs\/errors#[a-z_]+$/);
  assert.ok(problem.title.length > 3 && problem.detail.length > 3, answer.body);
  if (code !== undefined) assert.equal(problem.code, code);
  return problem;
}

/** The request that an input is, as the index says. */
function requestOf({ http }: Operation, input: Record<string, unknown>): Ask {
  const rest = new Map(Object.entries(input));
  const path = http.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = String(rest.get(name));
    rest.delete(name);
    return encodeURIComponent(value);
  });
  if (http.method === "POST" || http.method === "PATCH")
    return { method: http.method, url: `/v1${path}`, payload: Object.fromEntries(rest) };
  const query = new URLSearchParams();
  for (const [name, value] of rest) for (const each of [value].flat()) query.append(name, String(each));
  return { method: http.method, url: `/v1${path}?${query}` };
}

test("every operation answers at its path, with a status that its document names, and what every answer says", async () => {
  const document = openApi(operations, FOLLOWS);
  // What ends the session that asks comes last.
  const order = operations.toSorted(
    (a, b) => Number(a.name.startsWith("auth.")) - Number(b.name.startsWith("auth.")),
  );
  const someone = await person(context, org, "owner");
  const as = await signIn(context, app, someone);
  for (const one of order) {
    const answer = await ask({ as, ...requestOf(one, VALID[one.name] ?? {}) });
    const documented =
      document.paths[`/v1${one.http.path}`]?.[one.http.method.toLowerCase()]?.responses ?? {};
    assert.ok(String(answer.statusCode) in documented, `${one.name}: ${answer.statusCode} ${answer.body}`);
    assert.ok(answer.statusCode < 500, `${one.name}: ${answer.body}`);
    assert.notEqual(answer.json<Problem>().code, "unknown_route", one.name);
    if (answer.statusCode >= 400) assertProblem(answer, answer.statusCode);
    assert.equal(answer.headers["x-content-type-options"], "nosniff", one.name);
    assert.equal(answer.headers["cache-control"], "no-store", one.name);
    assert.match(String(answer.headers["content-security-policy"]), /frame-ancestors 'none'/, one.name);
    for (const never of ["set-cookie", "access-control-allow-origin", "x-powered-by"])
      assert.equal(answer.headers[never], undefined, `${one.name} sends ${never}`);
  }
});

test("without a token every operation that is not for anyone answers 401, and a viewer gets no further than their permissions", async () => {
  const asViewer = await signIn(context, app, viewer);
  let address = 0;
  for (const one of operations.filter(({ permission }) => permission !== "anyone")) {
    const request = requestOf(one, VALID[one.name] ?? {});
    const remoteAddress = `10.9.${address >> 8}.${address++ & 255}`;
    const answer = await ask({ as: null, remoteAddress, ...request });
    assertProblem(answer, 401, "unauthenticated");
    assert.equal(answer.headers["www-authenticate"], "Bearer");
    const held = (PERMISSIONS as readonly string[]).includes(one.permission);
    if (!held || viewer.permissions.has(one.permission as (typeof PERMISSIONS)[number])) continue;
    assertProblem(await ask({ as: asViewer, ...request }), 403, "forbidden");
  }
});

test("each path says what may be done with it, and refuses the rest before it asks who asks", async () => {
  const paths = new Set(operations.map(({ http }) => http.path));
  for (const path of paths) {
    const url = `/v1${path.replace(/\{\w+\}/g, "x")}`;
    const methods = operations.filter(({ http }) => http.path === path).map(({ http }) => http.method);
    const allow = [...methods, "OPTIONS", ...(methods.includes("GET") ? ["HEAD"] : [])].toSorted().join(", ");
    const options = await app.inject({ method: "OPTIONS", url });
    assert.deepEqual([options.statusCode, options.headers["allow"], options.body], [204, allow, ""], url);
    const put = await app.inject({
      method: "PUT",
      url,
      payload: "x",
      headers: { "content-type": "text/plain" },
    });
    assertProblem(put, 405, "method_not_allowed");
    assert.equal(put.headers["allow"], allow);
  }
});

test("an operation without a permission that there is does not start a server", async () => {
  for (const permission of [undefined, "", "jobs:fly"]) {
    const broken = { ...own.rows, name: "test.broken", permission } as unknown as Operation;
    await assert.rejects(
      buildServer(context, { operations: [broken] }),
      /test\.broken declares no permission/,
    );
  }
});

test("X-Forwarded-For is believed of a proxy that is named, and a misspelled one does not start a server", async () => {
  const named = (...trusted_proxies: string[]) => {
    const { config } = context;
    return buildServer({ ...context, config: { ...config, api: { ...config.api, trusted_proxies } } });
  };
  const behind = await named("10.7.0.0/16");
  after(() => behind.close());
  const left = async (server: typeof app, remoteAddress: string, client: string) => {
    const headers = { "x-forwarded-for": client };
    const answer = await server.inject({ url: "/v1/jobs", remoteAddress, headers });
    return Number(/r=(\d+)/.exec(String(answer.headers["ratelimit"]))?.[1]);
  };
  assert.deepEqual(
    [await left(behind, "10.7.0.1", "10.8.0.1"), await left(behind, "10.7.0.1", "10.8.0.2")],
    [59, 59],
  );
  // From elsewhere, and where no proxy is named, the address is the one that the connection has.
  assert.deepEqual(
    [await left(behind, "10.6.0.1", "10.8.0.3"), await left(behind, "10.6.0.1", "10.8.0.4")],
    [59, 58],
  );
  assert.deepEqual(
    [await left(app, "10.7.0.1", "10.8.0.5"), await left(app, "10.7.0.1", "10.8.0.6")],
    [59, 58],
  );
  for (const wrong of ["loopback.example", "10.0.0.0/33", "10.0.0.0/8/8", "::1/129"])
    await assert.rejects(named(wrong), /API_TRUSTED_PROXIES/);
});

test("what is wrong with a request is a problem that says what, and nothing is done", async () => {
  const json = { "content-type": "application/json" };
  const cases: [Ask, number, string][] = [
    [{ url: "/nothing" }, 404, "unknown_route"],
    [{ url: "/v1/jobs/" }, 422, "bad_input"],
    [{ url: "/v2/jobs" }, 404, "unknown_route"],
    [{ url: "/v1/jobs/%zz" }, 400, "malformed"],
    [{ url: "/v1/jobs/%ff" }, 400, "malformed"],
    [{ url: `/v1/sites/${"x".repeat(2001)}` }, 414, "uri_too_long"],
    [{ url: "/v1/jobs?limit=%zz" }, 400, "malformed"],
    [{ url: "/v1/jobs?limit=1&limit=2" }, 400, "malformed"],
    [{ url: "/v1/jobs?limit=many" }, 422, "bad_input"],
    [{ url: "/v1/jobs?limit=0" }, 422, "bad_input"],
    [{ url: "/v1/jobs?colour=red" }, 422, "bad_input"],
    [{ url: "/v1/jobs?cursor=made-up" }, 422, "bad_input"],
    [{ url: "/v1/jobs/7" }, 422, "bad_input"],
    [{ url: "/v1/jobs", payload: "{}", headers: json }, 400, "malformed"],
    [{ url: "/v1/jobs", headers: { accept: "image/png" } }, 406, "not_acceptable"],
    [{ url: `/v1/jobs/${scientist.user_id}`, headers: { accept: "text/csv" } }, 406, "not_acceptable"],
    [{ url: "/v1/jobs", headers: { "idempotency-key": "k" } }, 400, "malformed"],
    [{ url: "/v1/jobs", headers: { "if-match": '"x"' } }, 400, "malformed"],
    [{ url: "/v1/jobs", headers: { "x-api-key": "alq_x" } }, 400, "malformed"],
    [{ url: "/v1/jobs", as: "nonsense" }, 401, "unauthenticated"],
    [{ method: "POST", url: "/v1/molecules", payload: "{", headers: json }, 400, "malformed"],
    [{ method: "POST", url: "/v1/molecules", payload: '{"a":1,"a":2}', headers: json }, 400, "malformed"],
    [{ method: "POST", url: "/v1/molecules", payload: "[]", headers: json }, 400, "malformed"],
    [
      { method: "POST", url: "/v1/molecules", payload: Buffer.from([0x22, 0xff, 0x22]), headers: json },
      400,
      "malformed",
    ],
    [{ method: "POST", url: "/v1/molecules?limit=1", payload: {} }, 400, "malformed"],
    [{ method: "POST", url: "/v1/molecules" }, 422, "bad_input"],
    [{ method: "POST", url: "/v1/molecules", payload: "", headers: json }, 422, "bad_input"],
    [
      { method: "POST", url: "/v1/molecules", payload: "a=1", headers: { "content-type": "text/plain" } },
      415,
      "unsupported_media_type",
    ],
    [
      {
        method: "POST",
        url: "/v1/molecules",
        payload: "{}",
        headers: { "content-type": "application/json; charset=latin1" },
      },
      415,
      "unsupported_media_type",
    ],
    [
      {
        method: "POST",
        url: "/v1/molecules",
        payload: "x",
        headers: { "content-type": "multipart/form-data" },
      },
      415,
      "unsupported_media_type",
    ],
    [{ method: "POST", url: "/v1/molecules", payload: { x: "y".repeat(200_000) } }, 413, "body_too_large"],
    [
      { method: "POST", url: "/v1/auth/login", payload: { x: "y".repeat(70_000) }, as: null },
      413,
      "body_too_large",
    ],
    // Who may not ask is told so before the body is read.
    [
      { method: "POST", url: "/v1/molecules", payload: { x: "y".repeat(200_000) }, as: null },
      401,
      "unauthenticated",
    ],
    [{ method: "POST", url: "/v1/orgs", payload: { x: "y".repeat(200_000) } }, 403, "forbidden"],
    [
      { method: "POST", url: `/v1/jobs/${scientist.user_id}/cancel`, payload: { job_id: viewer.user_id } },
      400,
      "malformed",
    ],
    [
      { method: "POST", url: "/v1/molecules", payload: {}, headers: { "idempotency-key": "x".repeat(256) } },
      400,
      "malformed",
    ],
    [
      { method: "POST", url: "/v1/molecules", payload: {}, headers: { "idempotency-key": "" } },
      400,
      "malformed",
    ],
    [
      { method: "POST", url: "/v1/auth/login", payload: {}, headers: { "idempotency-key": "k" }, as: null },
      400,
      "malformed",
    ],
    [
      { method: "DELETE", url: `/v1/molecules/${scientist.user_id}`, payload: "{}", headers: json },
      400,
      "malformed",
    ],
    [{ url: `/v1/jobs/${scientist.user_id}` }, 404, "not_found"],
  ];
  for (const [request, status, code] of cases) {
    const problem = assertProblem(await ask(request), status, code);
    if (code === "bad_input" && request.url !== "/v1/jobs?cursor=made-up")
      assert.ok((problem.fields ?? []).length > 0, JSON.stringify(problem));
  }
  const seen = new Set(cases.map(([, , code]) => code));
  const elsewhere = [
    "method_not_allowed",
    "headers_too_large",
    "request_too_slow",
    "took_too_long",
    "too_many_streams",
  ];
  const codes = Object.keys(HTTP_CODES).filter((code) => !seen.has(code) && !elsewhere.includes(code));
  assert.deepEqual(codes, ["no_organization"]);
  const password = "no organization at all";
  const lonely = await person(context, org, "viewer");
  await context.superuser("UPDATE users SET hashed_password = $1 WHERE user_id = $2", [
    await hashPassword(password),
    lonely.user_id,
  ]);
  await context.superuser("DELETE FROM memberships WHERE user_id = $1", [lonely.user_id]);
  const payload = { username: lonely.username, password };
  const login = await app.inject({ method: "POST", url: "/v1/auth/login", payload });
  const as = login.json<{ access_token: string }>().access_token;
  const nowhere = assertProblem(await ask({ url: "/v1/jobs", as }), 400, "no_organization");
  assert.match(nowhere.detail, /auth\/switch/);
});

test("what breaks of ours is logged under the request's id, and the asker is told no more than that", async () => {
  const answer = await ask({ url: "/v1/test/breaks?", headers: { "x-request-id": "mine-1" } });
  const problem = assertProblem(answer, 500, "internal");
  assert.equal(problem.request_id, "mine-1");
  assert.doesNotMatch(answer.body, /secret_table|10\.0\.0\.7/);
  const logged = lines.find(
    ({ fields, message }) => message === "a request failed" && fields["request_id"] === "mine-1",
  );
  assert.match(String(logged?.fields["err"]), /secret_table/);
});

test("requests are logged by route and asker, never by what was asked; an id that is not sane is replaced", async () => {
  const answer = await ask({ url: "/v1/jobs?pipeline=secret-word", headers: { "x-request-id": "ours/7" } });
  assert.equal(answer.headers["x-request-id"], "ours/7");
  const logged = lines.find(
    ({ fields, message }) => message === "request" && fields["request_id"] === "ours/7",
  );
  const { operation: name, route, status, user_id } = logged?.fields ?? {};
  assert.deepEqual([name, route, status, user_id], ["job.list", "/v1/jobs", 200, scientist.user_id]);
  assert.doesNotMatch(JSON.stringify(lines), /secret-word/);
  for (const id of ["a b", "x".repeat(129), "é", "<script>"]) {
    const other = await ask({ url: "/v1/jobs", headers: { "x-request-id": id } });
    assert.match(String(other.headers["x-request-id"]), /^[0-9a-f-]{36}$/);
  }
});

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
  const change = (header: string) =>
    ask({
      method: "PATCH",
      url: "/v1/test/things/a%2Fb",
      payload: { name: "n" },
      headers: { "if-match": header },
    });
  const at = "2026-01-31T09:30:00.000Z";
  for (const header of [`"${at}"`, `"${at};hash"`]) {
    assert.equal((await change(header)).statusCode, 200);
    assert.deepEqual(given.at(-1), { thing: "a/b", name: "n", if_match: at });
  }
  await change("*");
  assert.deepEqual(given.at(-1), { thing: "a/b", name: "n" });
  for (const header of [at, `W/"${at}"`, `"a", "b"`, '""'])
    assertProblem(await change(header), 400, "malformed");
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

test("who asks too much is told when to come back, and what is left is said before", async () => {
  const asks = (remoteAddress: string) => ask({ url: "/v1/jobs", as: "forged", remoteAddress });
  const first = await asks("10.1.1.1");
  assert.match(String(first.headers["ratelimit-policy"]), /q=60;w=60/);
  assert.match(String(first.headers["ratelimit"]), /r=59;t=\d+/);
  let last = first;
  for (let n = 0; n < 60; n++) last = await asks("10.1.1.1");
  assertProblem(last, 429, "quota");
  assert.match(String(last.headers["retry-after"]), /^[1-9]\d*$/);
  assert.equal((await asks("10.1.1.2")).statusCode, 401, "another address has a limit of its own");
});

test("the index names every operation and stream with its place, and the probes say little", async () => {
  const index = (await app.inject({ url: "/v1" })).json<{
    operations: Record<string, unknown>;
    follows: object;
  }>();
  for (const { name, http, permission } of operations)
    assert.deepEqual(index.operations[name], {
      method: http.method,
      path: http.path,
      permission,
      ...(http.reads === true ? { reads: true } : {}),
    });
  assert.deepEqual(
    Object.keys(index.follows),
    FOLLOWS.map(({ name }) => name),
  );
  for (const url of ["/healthz", "/readyz"]) {
    const answer = await app.inject({ url });
    assert.deepEqual([answer.statusCode, answer.json()], [200, { status: "ok" }]);
  }
  const { metadata } = context;
  const away = await buildServer({
    ...context,
    metadata: Object.assign(Object.create(metadata), {
      system: () => Promise.reject(new AppError("unavailable", "10.0.0.7 is away")),
    }),
  });
  after(() => away.close());
  assertProblem(await away.inject({ url: "/readyz" }), 503, "unavailable");
  assert.equal((await away.inject({ url: "/healthz" })).statusCode, 200);
});

test("paths name fields of their inputs, and reads by POST are told from changes", () => {
  for (const one of operations) {
    const fields = Object.keys(VALID[one.name] ?? {});
    for (const name of pathNames(one.http.path)) assert.ok(fields.includes(name), `${one.name}: ${name}`);
    if (hasBody(one) && one.told === undefined) assert.equal(one.http.reads, true, one.name);
  }
});
