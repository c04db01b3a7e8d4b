import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, beforeEach, test } from "node:test";
import { Type } from "typebox";
import type { AppError } from "../errors.ts";
import { GRACE_SECONDS } from "../identity/refresh.ts";
import { type ClientOptions, createClient } from "./index.ts";
import { REFRESH_HASTE, requestOf } from "./request.ts";
import { Sender } from "./send.ts";
import type { Nameless } from "./types.ts";

/** An API that answers as each test says; what it was asked is kept. */
type Asked = { method: string; path: string; headers: IncomingMessage["headers"]; body: string };
type Answer = (asked: Asked, response: ServerResponse) => void;

const INDEX = {
  name: "aliquot",
  version: "9.9.9",
  operations: {
    "job.list": { method: "GET", path: "/jobs", permission: "jobs:read" },
    "job.show": { method: "GET", path: "/jobs/{job_id}", permission: "jobs:read" },
    "job.states": { method: "POST", path: "/jobs/states", permission: "jobs:read", reads: true },
    "key.revoke": { method: "POST", path: "/keys/{key_id}/revoke", permission: "in_person", repeats: false },
    "job.cancel": { method: "POST", path: "/jobs/{job_id}/cancel", permission: "jobs:manage" },
  },
  follows: { "job.follow": { method: "GET", path: "/jobs/{job_id}/stream", permission: "jobs:read" } },
};

let answer: Answer = () => {};
let asked: Asked[] = [];
const server = createServer(async (request, response) => {
  let body = "";
  for await (const part of request.setEncoding("utf8")) body += part;
  const { method = "", url = "", headers } = request;
  if (url === "/v1") return json(response, INDEX);
  asked.push({ method, path: url.replace(/^\/v1/, ""), headers, body });
  answer(asked.at(-1) as Asked, response);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");
after(() => server.close().closeAllConnections());
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const client = (more: Partial<ClientOptions> = {}) => createClient({ url, token: "t1", ...more });

beforeEach(() => {
  asked = [];
});

function json(response: ServerResponse, value: unknown, status = 200, headers: object = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value));
}

function problem(
  response: ServerResponse,
  status: number,
  kind: string,
  more: object = {},
  headers = {},
): void {
  json(
    response,
    { type: `/docs/errors#${kind}`, title: "T", status, detail: "why", code: kind, ...more },
    status,
    {
      "content-type": "application/problem+json",
      ...headers,
    },
  );
}

/** Answers one after the other; the last one stays. */
function inTurn(...answers: ((response: ServerResponse) => void)[]): Answer {
  let at = 0;
  return (_asked, response) => answers[Math.min(at++, answers.length - 1)]?.(response);
}

const is =
  (kind: string, message = /./) =>
  (error: unknown) => {
    const { name, kind: found, message: said } = error as AppError;
    assert.deepEqual([name, found], ["AppError", kind], said);
    assert.match(said, message);
    return true;
  };

test("a question goes where the API says, and is typed by its name", async () => {
  answer = (_asked, response) => json(response, { items: [], next_cursor: null });
  const page = await client().ask("job.list", { status: "queued", mine: true, job_ids: ["a", "b"] });
  assert.deepEqual(page.items, []);
  assert.equal(asked[0]?.path, "/jobs?status=queued&mine=true&job_ids=a&job_ids=b");
  assert.equal(asked[0]?.headers.authorization, "Bearer t1");
  await client().ask("job.cancel", { job_id: "x/ y?" });
  assert.deepEqual(
    [asked[1]?.method, asked[1]?.path, asked[1]?.body],
    ["POST", "/jobs/x%2F%20y%3F/cancel", "{}"],
  );
  await client().ask("job.states", { job_ids: ["a"] }, { idempotencyKey: "k" });
  assert.deepEqual([asked[2]?.body, asked[2]?.headers["idempotency-key"]], ['{"job_ids":["a"]}', "k"]);
  // @ts-expect-error there is no such operation
  await assert.rejects(client().ask("job.lisst", {}), is("not_found", /9\.9\.9 and has no job.lisst/));
  // @ts-expect-error it is no state of a job
  await client().ask("job.list", { status: "nope" });
  // @ts-expect-error one job is no list
  client().pages("job.show", { job_id: "x" });
});

test("the compiler knows the name of every operation", () => {
  const known: [Nameless] extends [never] ? true : false = true;
  assert.ok(known);
});

test("objects stand in the query by their keys, and text that reads like a number in quotes", () => {
  const list = { method: "GET", path: "/jobs" };
  const params = { seed: 42, tag: "42", solvent: "a&b", on: true, word: "true", none: null };
  const { path } = requestOf("job.list", list, { params, limit: undefined });
  assert.deepEqual(Object.fromEntries(new URL(path, url).searchParams), {
    "params[seed]": "42",
    "params[tag]": '"42"',
    "params[solvent]": "a&b",
    "params[on]": "true",
    "params[word]": '"true"',
    "params[none]": "null",
  });
});

test("what a URL would take for a folder never leaves its place in the path", () => {
  const show = { method: "GET", path: "/orgs/{org}/settings" };
  for (const org of [".", ".."])
    assert.throws(() => requestOf("org.settings", show, { org }), is("not_found"));
  assert.throws(() => requestOf("org.settings", show, { org: "" }), is("bad_input", /needs org/));
  assert.equal(requestOf("org.settings", show, { org: "../jobs" }).path, "/orgs/..%2Fjobs/settings");
});

test("a problem is the AppError that it was at the other side", async () => {
  const fields = [{ path: "/limit", rule: "must be >= 1" }];
  answer = (_asked, response) =>
    problem(response, 422, "bad_input", { code: "too_large", fields, request_id: "r1" });
  await assert.rejects(client().ask("job.list", {}), (error: AppError) => {
    assert.deepEqual(
      [error.name, error.kind, error.code, error.message, error.fields, error.exit],
      ["AppError", "bad_input", "too_large", "why", fields, 1],
    );
    assert.match(error.detail ?? "", /request r1/);
    return true;
  });
  for (const [status, kind, exit] of [
    [404, "not_found", 3],
    [403, "forbidden", 4],
    [409, "conflict", 4],
    [400, "usage", 2],
    [500, "internal", 1],
  ] as const) {
    answer = (_asked, response) => problem(response, status, kind);
    await assert.rejects(
      client().ask("job.list", {}),
      (error: AppError) => error.kind === kind && error.exit === exit,
    );
  }
  // A kind of a newer API, and a proxy that has nobody to ask.
  answer = (_asked, response) => problem(response, 409, "brand_new");
  await assert.rejects(client().ask("job.list", {}), is("conflict"));
  answer = (_asked, response) => void response.writeHead(502).end("<html>bad gateway</html>");
  await assert.rejects(client({ patience_ms: 0 }).ask("job.list", {}), is("unavailable", /answered 502/));
  answer = (_asked, response) => void response.writeHead(200).end("<html>hello</html>");
  await assert.rejects(client().ask("job.list", {}), is("unavailable", /no Aliquot/));
  answer = (_asked, response) => problem(response, 404, "not_found", { code: "unknown_route" });
  await assert.rejects(client().ask("job.list", {}), is("not_found", /check its address, and its version/));
  answer = (_asked, response) => void response.writeHead(307, { location: "https://elsewhere/" }).end();
  await assert.rejects(client().ask("job.list", {}), is("unavailable", /points to https:\/\/elsewhere/));
  assert.equal(asked.filter(({ headers }) => headers.host !== new URL(url).host).length, 0);
});

test("what may pass is sent again where that is safe, after as long as the API says", async () => {
  const away = (after: string) => (response: ServerResponse) =>
    problem(response, 503, "unavailable", {}, { "retry-after": after });
  const done = (response: ServerResponse) => json(response, { items: [], next_cursor: null });
  answer = inTurn(away("0"), (response) => response.destroy(), done);
  await client().ask("job.list", {});
  assert.equal(asked.length, 3, "a 503 and a lost connection");
  answer = inTurn(away("0"), done);
  await client().ask("job.states", { job_ids: ["a"] });
  answer = inTurn(away("0"), done);
  await client().ask("job.cancel", { job_id: "a" }, { idempotencyKey: "k" });
  assert.deepEqual(
    asked.slice(-2).map(({ headers }) => headers["idempotency-key"]),
    ["k", "k"],
  );
  asked = [];
  answer = inTurn(away("0"), done);
  await assert.rejects(client().ask("job.cancel", { job_id: "a" }), is("unavailable"));
  assert.equal(asked.length, 1, "without a key it may be done twice");
  answer = (_asked, response) => away("3600")(response);
  await assert.rejects(client().ask("job.list", {}), is("unavailable"));
  assert.equal(asked.length, 2, "nobody waits an hour");
  answer = (_asked, response) => away("0")(response);
  await assert.rejects(client().ask("job.list", {}), is("unavailable"));
  assert.equal(asked.length, 7, "five times, and no more");
  answer = (_asked, response) => problem(response, 503, "app_too_old", {}, { "retry-after": "0" });
  await assert.rejects(client().ask("job.list", {}), is("app_too_old"));
  assert.equal(asked.length, 8, "what does not pass");
});

test("too many at once are asked again whatever they do, a quota that is used up is not", async () => {
  const limited = (headers: object) => (response: ServerResponse) =>
    problem(response, 429, "quota", {}, headers);
  const done = (response: ServerResponse) => json(response, {});
  answer = inTurn(limited({ "retry-after": "0", ratelimit: '"each";r=0;t=1' }), done);
  await client().ask("job.cancel", { job_id: "a" });
  assert.equal(asked.length, 2);
  answer = inTurn(limited({ ratelimit: '"each";r=599;t=1' }), done);
  await assert.rejects(client().ask("job.list", {}), is("quota"));
});

test("a token that is refused is renewed once for all who wait, and its successor is given out", async () => {
  let [fresh, refreshes] = ["a1", 0];
  answer = (one, response) => {
    if (one.path === "/auth/refresh") {
      const { refresh_token } = JSON.parse(one.body);
      if (refresh_token !== `r${refreshes}`) return problem(response, 401, "unauthenticated");
      refreshes++;
      fresh = `a${refreshes}`;
      const tokens = { access_token: fresh, expires_in: 900, refresh_token: `r${refreshes}` };
      return void setTimeout(() => json(response, tokens), 20);
    }
    if (one.headers.authorization !== `Bearer ${fresh}`) return problem(response, 401, "unauthenticated");
    return json(response, { items: [], next_cursor: null });
  };
  const given: string[] = [];
  const one = createClient({
    url,
    refresh: "r0",
    onTokens: ({ refresh_token }) => void given.push(refresh_token),
  });
  await one.ask("job.list", {});
  fresh = "another";
  await Promise.all(Array.from({ length: 10 }, () => one.ask("job.list", {})));
  assert.deepEqual([refreshes, given], [2, ["r1", "r2"]]);
  fresh = "another";
  refreshes = 7;
  await assert.rejects(one.ask("job.list", {}), is("unauthenticated"), "the session is over");
  // A token alone has no successor.
  await assert.rejects(client({ token: "old" }).ask("job.list", {}), is("unauthenticated"));
  await assert.rejects(async () => client({ token: "a", key: "b" }), is("usage", /in one way/));
});

test("a refresh whose answer is lost is asked again while it is given the same, and no longer", async () => {
  assert.ok(
    REFRESH_HASTE.patience_ms < GRACE_SECONDS * 1000 &&
      REFRESH_HASTE.timeout_ms * 2 < REFRESH_HASTE.patience_ms,
  );
  const silent = () => {};
  const done = (response: ServerResponse) =>
    json(response, {
      access_token: "a1",
      expires_in: 900,
      refresh_token: "r1",
      items: [],
      next_cursor: null,
    });
  // As `login` keeps a session, and as a program has one.
  const route = { method: "POST", path: "/auth/refresh", repeats: false } as const;
  const asOperation = () =>
    createClient({ url, timeout_ms: 40 }).call(
      { name: "auth.refresh", http: route, input: Type.Object({}), output: Type.Object({}) },
      {},
    );
  const asSession = () => createClient({ url, refresh: "r0", timeout_ms: 40 }).ask("job.list", {});
  for (const refresh of [asOperation, asSession]) {
    asked = [];
    answer = inTurn(silent, done);
    await refresh();
    assert.deepEqual(
      asked.slice(0, 2).map(({ path, body }) => [path, body]),
      [
        ["/auth/refresh", asked[0]?.body],
        ["/auth/refresh", asked[0]?.body],
      ],
    );
  }
  assert.deepEqual(requestOf("auth.refresh", route, {}).haste, REFRESH_HASTE);
  assert.equal(requestOf("auth.switch", route, {}).haste, undefined);
  // Its own times hold where the client is more patient, and the client's where it is less.
  const sender = new Sender(url, { timeout_ms: 60_000, patience_ms: 60_000 });
  const request = { method: "POST", path: "/auth/refresh", isSafe: true };
  answer = inTurn(silent, done);
  await sender.send({ ...request, haste: { timeout_ms: 40, patience_ms: 9_000 } });
  asked = [];
  answer = silent;
  await assert.rejects(
    sender.send({ ...request, haste: { timeout_ms: 40, patience_ms: 100 } }),
    is("unavailable", /no answer within/),
  );
  assert.equal(asked.length, 1);
  // Anything else that is late is not asked again: whoever waits has waited long.
  const short = new Sender(url, { timeout_ms: 40, patience_ms: 9_000 });
  asked = [];
  await assert.rejects(short.send(request), is("unavailable"));
  assert.equal(asked.length, 1);
});

test("pages come one after the other until the last", async () => {
  const pages = [
    { items: [1, 2], next_cursor: "c1" },
    { items: [3], next_cursor: null },
  ];
  answer = inTurn(...pages.map((page) => (response: ServerResponse) => json(response, page)));
  const seen: unknown[] = [];
  for await (const page of client().pages("job.list", { limit: 2 })) seen.push(...page.items);
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(
    asked.map(({ path }) => path),
    ["/jobs?limit=2", "/jobs?limit=2&cursor=c1"],
  );
});

test("what is followed goes on after the last event, however often the connection is lost, until its end", async () => {
  const stream = (text: string, isCut: boolean) => (response: ServerResponse) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(text, () => (isCut ? response.destroy() : response.end()));
  };
  const event = (id: number) => `id: ${id}\nevent: job\ndata: {"seq_no":${id}}\n\n`;
  answer = inTurn(
    stream(`: alive\n\n${event(1)}${event(2)}id: 3\nevent: jo`, true),
    (response) => problem(response, 503, "unavailable"),
    stream(event(3), false),
    stream(`${event(4)}event: end\ndata: {}\n\n`, false),
  );
  const seen: unknown[] = [];
  const options = { after: "0", retry_ms: 1 };
  for await (const { id, event: name, data } of client({ patience_ms: 0 }).follow(
    "job.follow",
    { job_id: "j" },
    options,
  ))
    seen.push([id, name, (data as unknown as { seq_no: number }).seq_no]);
  assert.deepEqual(
    seen,
    [1, 2, 3, 4].map((n) => [String(n), "job", n]),
  );
  assert.deepEqual(
    asked.map(({ headers }) => headers["last-event-id"]),
    ["0", "2", "2", "3"],
  );
  answer = (_asked, response) => problem(response, 404, "not_found");
  await assert.rejects(client().follow("job.follow", { job_id: "j" }).next(), is("not_found"));
  answer = (_asked, response) => problem(response, 503, "unavailable");
  const gone = client({ patience_ms: 0 }).follow("job.follow", { job_id: "j" }, { away_ms: 5, retry_ms: 1 });
  await assert.rejects(gone.next(), is("unavailable"));
});

test("a stream that tells of an error is the error: what may pass is away, what is final ends it, and a token is renewed once", async () => {
  const tells =
    (status: number, kind: string, before = "") =>
    (response: ServerResponse) => {
      const data = JSON.stringify({
        type: `/docs/errors#${kind}`,
        title: "T",
        status,
        detail: "why",
        code: kind,
      });
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(`retry: 2000\n\n${before}event: error\ndata: ${data}\n\n`);
    };
  const ends = (response: ServerResponse) =>
    void response
      .writeHead(200, { "content-type": "text/event-stream" })
      .end('id: 1\nevent: job\ndata: {"seq_no":1}\n\nevent: end\ndata: {}\n\n');
  const following = (more: Partial<ClientOptions> = {}) =>
    client({ patience_ms: 0, ...more }).follow("job.follow", { job_id: "j" }, { away_ms: 200, retry_ms: 1 });
  const all = async (more?: Partial<ClientOptions>) => {
    const seen: string[] = [];
    for await (const { event } of following(more)) seen.push(event);
    return seen;
  };
  answer = inTurn(tells(403, "forbidden"));
  await assert.rejects(all(), is("forbidden", /why/));
  assert.equal(asked.length, 1, "what is final is asked once");
  answer = inTurn(tells(503, "unavailable"), tells(500, "internal"), ends);
  assert.deepEqual(await all(), ["job"]);
  answer = inTurn(tells(503, "unavailable"));
  await assert.rejects(all(), is("unavailable"), "it does not go on for ever");
  const refused = (response: ServerResponse) => problem(response, 401, "unauthenticated");
  const renewed: string[] = [];
  const session = {
    token: async () => `t${renewed.length}`,
    renew: async (old: string) => {
      renewed.push(old);
      return `t${renewed.length}`;
    },
  };
  const own = () => ({ url, session, patience_ms: 0 });
  const ask = () => createClient(own()).follow("job.follow", { job_id: "j" }, { away_ms: 200, retry_ms: 1 });
  answer = inTurn(
    tells(401, "unauthenticated"),
    refused,
    tells(401, "unauthenticated", ":\n\n"),
    refused,
    ends,
  );
  const left = ask();
  assert.equal((await left.next()).value?.id, "1");
  await left.return();
  assert.deepEqual(renewed, ["t0", "t1"], "each time it was over, where it lived between");
  answer = inTurn(tells(401, "unauthenticated"));
  asked = [];
  await assert.rejects(ask().next(), is("unauthenticated"));
  assert.equal(asked.length, 2, "once");
});

test("what keeps no answer gets no key, and is not sent again", async () => {
  answer = (_asked, response) => problem(response, 503, "unavailable", {}, { "retry-after": "0" });
  const logout = {
    name: "auth.logout",
    http: { method: "POST", path: "/auth/logout" },
    repeats: false,
  } as const;
  const shape = { input: Type.Object({}), output: Type.Object({}) };
  const failed = (error: AppError) => {
    assert.deepEqual([error.kind, error.retry_after_s], ["unavailable", 0]);
    return true;
  };
  await assert.rejects(client().call({ ...logout, ...shape }, {}, { idempotencyKey: "k" }), failed);
  await assert.rejects(client().ask("key.revoke", { key_id: "k1" }, { idempotencyKey: "k" }), failed);
  assert.deepEqual(
    asked.map(({ path, headers }) => [path, headers["idempotency-key"]]),
    [
      ["/auth/logout", undefined],
      ["/keys/k1/revoke", undefined],
    ],
  );
});

test("a signal ends what waits, and nobody is waited for without end", async () => {
  const never: Answer = () => {};
  answer = never;
  await assert.rejects(
    client({ timeout_ms: 30 }).ask("job.show", { job_id: "j" }),
    is("unavailable", /no answer within/),
  );
  const stop = new AbortController();
  const asking = client().ask("job.list", {}, { signal: stop.signal });
  const why = new Error("enough");
  setTimeout(() => stop.abort(why), 20);
  await assert.rejects(asking, why);
  answer = (_asked, response) => problem(response, 503, "unavailable", {}, { "retry-after": "9" });
  const late = new AbortController();
  setTimeout(() => late.abort(why), 20);
  await assert.rejects(client().ask("job.list", {}, { signal: late.signal }), why, "also between two tries");
  answer = (_asked, response) =>
    void response.writeHead(200, { "content-type": "text/event-stream" }).write(": alive\n\n");
  const ended = new AbortController();
  const following = client().follow("job.follow", { job_id: "j" }, { signal: ended.signal }).next();
  setTimeout(() => ended.abort(why), 20);
  await assert.rejects(following, why);
  const gone = createServer().listen(0, "127.0.0.1");
  await once(gone, "listening");
  const { port } = gone.address() as AddressInfo;
  await new Promise((done) => gone.close(done));
  const nobody = createClient({ url: `http://127.0.0.1:${port}` });
  await assert.rejects(nobody.ask("job.list", {}), is("unavailable", /nobody listens there/));
});

test("a token never goes out in the clear, but to this machine", () => {
  for (const bad of ["http://lab.example.org", "http://127.0.0.1.example.org", "ftp://localhost", "lab", ""])
    assert.throws(() => createClient({ url: bad }), is("usage", /https/), bad);
  assert.throws(
    () => createClient({ url: "http://lab.example.org" }),
    is("usage", /passwords and keys would travel readable$/),
  );
  for (const url of ["http://localhost:8000/v1", "https://lab.example.org/aliquot/v1/"])
    assert.throws(() => createClient({ url }), is("usage", /leave \/v1 out$/), url);
  for (const good of [
    "https://lab.example.org/aliquot/",
    "http://localhost:8000",
    "http://[::1]:80",
    "http://127.9.9.9",
  ])
    createClient({ url: good });
});

test("https to what speaks none is told in words, once", async () => {
  let connections = 0;
  const other = createServer().on("connection", () => void connections++);
  await once(other.listen(0, "127.0.0.1"), "listening");
  const { port } = other.address() as AddressInfo;
  const nobody = createClient({ url: `https://127.0.0.1:${port}`, token: "t1", patience_ms: 60_000 });
  await assert.rejects(
    nobody.ask("job.list", {}),
    is("unavailable", /^can't reach https:\S+: what listens there speaks no https: say http:\/\//),
  );
  other.close();
  assert.equal(connections, 1);
});
