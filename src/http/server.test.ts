import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Type } from "typebox";
import { signIn } from "../../test/security/asking.ts";
import { makeOrg, person } from "../../test/support/context.ts";
import { type Ask, assertProblem, openHttpLab } from "../../test/support/http.ts";
import { VALID } from "../../test/support/valid-inputs.ts";
import { drawKey } from "../access/api-key.ts";
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

/** What no real operation does. */
const breaks = operation({
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
});

const log = { debug() {}, info: line, warn: line, error: line };
const { context, org, scientist, app, ask } = await openHttpLab({ after }, { log, operations: [breaks] });
const viewer = await person(context, org, "viewer");
const operations = OPERATIONS as unknown as Operation[];

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
  for (const [n, path] of [...paths].entries()) {
    const url = `/v1${path.replace(/\{\w+\}/g, "x")}`;
    const methods = operations.filter(({ http }) => http.path === path).map(({ http }) => http.method);
    const allow = [...methods, "OPTIONS", ...(methods.includes("GET") ? ["HEAD"] : [])].toSorted().join(", ");
    // What asks of so many paths is more than an address may.
    const remoteAddress = `10.4.0.${n}`;
    const options = await app.inject({ method: "OPTIONS", url, remoteAddress });
    assert.deepEqual([options.statusCode, options.headers["allow"], options.body], [204, allow, ""], url);
    const put = await app.inject({
      method: "PUT",
      url,
      remoteAddress,
      payload: "x",
      headers: { "content-type": "text/plain" },
    });
    assertProblem(put, 405, "method_not_allowed");
    assert.equal(put.headers["allow"], allow);
  }
});

test("an operation without a permission that there is does not start a server", async () => {
  for (const permission of [undefined, "", "jobs:fly"]) {
    const broken = { ...breaks, name: "test.broken", permission } as unknown as Operation;
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
    [{ method: "POST", url: "/v1/molecules", payload: "null", headers: json }, 400, "malformed"],
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
    [{ method: "POST", url: "/nothing", payload: { x: "y".repeat(70_000) } }, 404, "unknown_route"],
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
    "asker_left",
    "stopping",
    "took_too_long",
    "too_many_streams",
    "too_many_exports",
    "too_many_bodies",
    "unknown_coding",
    "busy",
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
  for (const { name, http, permission, repeats, file } of operations)
    assert.deepEqual(index.operations[name], {
      method: http.method,
      path: http.path,
      permission,
      ...(http.reads === true ? { reads: true } : {}),
      ...(repeats === false ? { repeats: false } : {}),
      ...(file === true ? { file } : {}),
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

test("a change that says what it saw is made where that still holds, and is refused where it does not", async () => {
  const own = await makeOrg(context);
  const as = await signIn(context, app, await person(context, own, "owner"));
  const url = `/v1/orgs/${own.org_id}/settings`;
  const seen = await ask({ as, url });
  const tag = String(seen.headers["etag"]);
  const change = (share: number, match: string) =>
    ask({
      as,
      method: "PATCH",
      url,
      payload: { set: { cache_threshold: share } },
      headers: { "if-match": match },
    });
  const first = await change(0.91, tag);
  assert.equal(first.statusCode, 200, first.body);
  assertProblem(await change(0.92, tag), 412, "precondition_failed");
  assertProblem(await change(0.92, '"never-given"'), 412, "precondition_failed");
  const now = await ask({ as, url });
  assert.equal(
    now.json<{ updated_at: string }>().updated_at,
    first.json<{ updated_at: string }>().updated_at,
  );
  assert.match(now.body, /0\.91/);
  assert.equal((await change(0.93, String(now.headers["etag"]))).statusCode, 200);
  assert.equal((await change(0.94, "*")).statusCode, 200);
});

test("an operation that keeps no answer takes no Idempotency-Key", async () => {
  const someone = await person(context, org, "owner");
  const as = await signIn(context, app, someone);
  const keeping = operations.filter(({ repeats }) => repeats === false);
  assert.ok(keeping.length >= 5);
  for (const one of keeping) {
    const headers = { "idempotency-key": "k" };
    assertProblem(await ask({ as, ...requestOf(one, VALID[one.name] ?? {}), headers }), 400, "malformed");
  }
});

test("who guesses at keys is counted before a guess costs a transaction, and who is known is not", async () => {
  const { metadata } = context;
  let looks = 0;
  const counting = Object.assign(Object.create(metadata), {
    system: (...given: Parameters<typeof metadata.system>) => {
      looks++;
      return metadata.system(...given);
    },
  });
  const counted = await buildServer({ ...context, metadata: counting });
  after(() => counted.close());
  const remoteAddress = "10.77.0.1";
  const guess = () => {
    const headers = { authorization: `Bearer ${drawKey().key}` };
    return counted.inject({ url: "/v1/jobs", remoteAddress, headers });
  };
  const answers = await Promise.all(Array.from({ length: 80 }, guess));
  const statuses = answers.map(({ statusCode }) => statusCode);
  assert.deepEqual([...new Set(statuses)].toSorted(), [401, 429]);
  assert.equal(looks, 60);
  const elsewhere = "10.77.0.2";
  const bearer = {
    authorization: `Bearer ${await signIn(context, app, await person(context, org, "owner"))}`,
  };
  const known = await counted.inject({ url: "/v1/jobs", remoteAddress: elsewhere, headers: bearer });
  assert.equal(known.statusCode, 200);
  const stranger = await counted.inject({ url: "/v1/jobs", remoteAddress: elsewhere });
  assert.match(String(stranger.headers["ratelimit"]), /r=59/, "what the look was charged was given back");
  looks = 0;
  const probes = await Promise.all(Array.from({ length: 20 }, () => counted.inject({ url: "/readyz" })));
  assert.ok(probes.every(({ statusCode }) => statusCode === 200));
  assert.equal(looks, 1, "one look for all who ask at once");
});
