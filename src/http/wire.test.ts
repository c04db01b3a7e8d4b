import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Type } from "typebox";
import { signIn } from "../../test/security/asking.ts";
import { person } from "../../test/support/context.ts";
import { openWireLab } from "../../test/support/wire.ts";
import { until, within } from "../../test/support/worker.ts";
import { AppError } from "../errors.ts";
import { operation } from "../operation.ts";
import { Life } from "./life.ts";
import type { Problem } from "./problem.ts";
import { buildServer } from "./server.ts";

const lines: Record<string, unknown>[] = [];
const line = (fields: object) => void lines.push(fields as Record<string, unknown>);
const log = { debug() {}, info: line, warn: line, error: line };

const breaks = operation({
  name: "test.breaks",
  summary: "Rows that end in the middle",
  permission: "jobs:read",
  http: { method: "GET", path: "/test/breaks" },
  tx: "own",
  input: Type.Object({ limit: Type.Optional(Type.Integer()), cursor: Type.Optional(Type.String()) }),
  output: Type.Object({ items: Type.Array(Type.Object({ n: Type.Integer() })), next_cursor: Type.Unknown() }),
  run: async (_call, { cursor }) => {
    if (cursor === "2") throw new AppError("unavailable", "away");
    return { items: [{ n: Number(cursor ?? 0) }], next_cursor: String(Number(cursor ?? 0) + 1) };
  },
});

/** How many of its pages were read. */
let pages_read = 0;

const endless = operation({
  name: "test.endless",
  summary: "Rows without an end",
  permission: "jobs:read",
  http: { method: "GET", path: "/test/endless" },
  tx: "own",
  input: Type.Object({ limit: Type.Optional(Type.Integer()), cursor: Type.Optional(Type.String()) }),
  output: Type.Object({
    items: Type.Array(Type.Object({ text: Type.String() })),
    next_cursor: Type.Unknown(),
  }),
  run: async () => {
    pages_read++;
    return { items: [{ text: "x".repeat(65_536) }], next_cursor: "more" };
  },
});

const lab = await openWireLab({ after }, { log, operations: [breaks, endless] });
const { context, org, scientist, token, headers, operations, follows, told } = lab;
const { kept, newGate, open, patient, post, start } = lab;
const server = await start({ arrive_ms: 400, drain_ms: 2000 });
after(() => server.kill());

/** Bytes as they are, and what comes back until the other side ends it. */
async function raw(...parts: (string | number)[]): Promise<{ status: number; problem: Problem }> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  const answer: Buffer[] = [];
  socket.on("data", (bytes) => answer.push(bytes)).on("error", () => {});
  for (const part of parts) typeof part === "number" ? await sleep(part) : socket.write(part);
  await once(socket, "close");
  const text = Buffer.concat(answer).toString();
  const [head = "", body = ""] = text.split("\r\n\r\n");
  assert.match(head, /content-type: application\/problem\+json/i, text);
  assert.match(head, /x-content-type-options: nosniff/i);
  return { status: Number(head.split(" ")[1]), problem: JSON.parse(body) as Problem };
}

test("bytes that are no HTTP, too many headers and a request that dribbles in get a problem and the door", async () => {
  const cases: [(string | number)[], number, string][] = [
    [["NONSENSE\r\n\r\n"], 400, "malformed"],
    [["GET /v1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"], 400, "malformed"],
    [[`GET /v1 HTTP/1.1\r\nHost: x\r\nX-Long: ${"y".repeat(20_000)}\r\n\r\n`], 431, "headers_too_large"],
    [[`GET /v1/jobs?x=${"y".repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`], 431, "headers_too_large"],
    [["GET /v1 HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"], 400, "malformed"],
    [
      [
        `GET /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer x\r\n\r\n`,
      ],
      400,
      "malformed",
    ],
    [
      [
        "POST /v1/auth/login HTTP/1.0\r\nConnection: keep-alive\r\nContent-Type: application/json\r\n",
        "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
      ],
      400,
      "malformed",
    ],
    [["GET /v1 HTTP/1.1\r\nHost:"], 408, "request_too_slow"],
    [
      [
        `POST /v1/molecules HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`,
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"records"',
      ],
      408,
      "request_too_slow",
    ],
  ];
  const answers = await Promise.all(cases.map(([parts]) => raw(...parts)));
  for (const [index, [parts, status, code]] of cases.entries()) {
    const { problem, status: got } = answers[index] ?? {};
    assert.deepEqual(
      [got, problem?.status, problem?.code],
      [status, status, code],
      String(parts[0]).slice(0, 60),
    );
    assert.ok(String(problem?.request_id).length > 10);
  }
});

test("requests that are sent ahead are answered in order, and too many of them end the connection", async () => {
  const life = new Life();
  const app = await buildServer(context, { operations, follows, life });
  after(() => app.close());
  const { hostname, port } = new URL(await app.listen({ host: "127.0.0.1", port: 0 }));
  const statuses = async (...requests: string[]) => {
    const socket = connect(Number(port), hostname);
    let text = "";
    socket.on("data", (bytes) => (text += bytes)).on("error", () => {});
    socket.write(requests.join(""));
    await within(once(socket, "close"), 20_000);
    return [...text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
  };
  const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
  const many = (times: number, text: string) => Array.from({ length: times }, () => text);
  const last = get("/healthz", "Connection: close\r\n");
  assert.deepEqual(await statuses(...many(15, get("/v1")), last), many(16, "200").map(Number));
  for (const path of ["/v1", "/v1/jobs", "/nowhere", "/%"])
    assert.ok((await statuses(...many(500, get(path)))).length <= 16, path);
  // What is first is never answered to its end, and holds all places behind it.
  const stays = get("/v1/test/stays/stream", `Authorization: Bearer ${token}\r\n`);
  assert.deepEqual(await statuses(stays, ...many(500, get("/v1"))), []);
  await until("all places are given back", async () => life.running + life.streams === 0);
});

test("what takes longer than REQUEST_TIMEOUT is answered, and what it wrote is taken back", async () => {
  const hasty = await start({}, 1);
  after(() => hasty.kill());
  const { opened } = newGate();
  const answer = await post(hasty.url, "/v1/test/waits", { tag: "too slow" });
  const problem = (await answer.json()) as Problem;
  assert.deepEqual([answer.status, problem.code], [503, "took_too_long"]);
  assert.match(String(answer.headers.get("retry-after")), /^\d+$/);
  opened.resolve();
  const quick = newGate();
  quick.opened.resolve();
  assert.equal((await post(server.url, "/v1/test/waits", { tag: "quick" })).status, 200);
  assert.deepEqual([await kept("quick"), await kept("too slow")], [1, 0]);
});

test("what somebody asked who has left is taken back too", async () => {
  const { opened, entered } = newGate();
  const leave = new AbortController();
  const asking = fetch(`${server.url}/v1/test/waits`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ tag: "left" }),
    signal: leave.signal,
  });
  await entered.promise;
  leave.abort();
  await assert.rejects(asking);
  const isCut = ({ operation: name, finished }: Record<string, unknown>) =>
    name === "test.waits" && finished === false;
  await until("the server has heard of it", async () => lines.some(isCut));
  opened.resolve();
  const quick = newGate();
  quick.opened.resolve();
  await post(server.url, "/v1/test/waits", { tag: "after" });
  assert.deepEqual([await kept("after"), await kept("left")], [1, 0]);
});

test("of rows and files so many are sent at once, and their places are given back however they end", async () => {
  const life = new Life({}, { person: 2, organization: 3, process: 3 });
  const app = await buildServer(patient(60), { operations, life });
  after(() => {
    // After an asking that was aborted its client opens another connection, which says nothing and is not idle for us.
    app.server.closeAllConnections();
    return app.close();
  });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const viewer = await signIn(context, app, await person(context, org, "viewer"));
  const export_ = async (as: string, path = "/v1/test/endless", accept = "application/x-ndjson") => {
    const cut = new AbortController();
    const asked = { headers: { authorization: `Bearer ${as}`, accept }, signal: cut.signal };
    return { cut, answer: await fetch(url + path, asked) };
  };
  const refused = async (as: string) => {
    const { answer } = await export_(as);
    assert.equal(answer.headers.get("retry-after"), "2");
    return [answer.status, ((await answer.json()) as Problem).code];
  };
  const mine = [await export_(token), await export_(token, undefined, "text/csv")];
  assert.deepEqual(await refused(token), [429, "too_many_exports"]);
  const page = await export_(token, "/v1/jobs", "application/json");
  assert.equal(page.answer.status, 200, "a page of JSON is no export");
  const theirs = await export_(viewer);
  assert.deepEqual(await refused(viewer), [429, "too_many_exports"]);
  assert.equal(life.exports, 3);
  for (const { cut } of [...mine, theirs]) cut.abort();
  await until("the places are free", async () => life.exports === 0);
  const broken = await export_(token, "/v1/jobs?cursor=made-up");
  assert.equal(broken.answer.status, 422);
  await broken.answer.text();
  const whole = await export_(token, "/v1/jobs");
  assert.equal(whole.answer.status, 200);
  await whole.answer.text();
  const lost = await export_(token, `/v1/structures/${scientist.user_id}/content`, "*/*");
  assert.equal(lost.answer.status, 404);
  await until("the places are free again", async () => life.exports === 0);
});

test("who stops reading is let go, and nothing is read for them any more", async () => {
  const hasty = await start({ silent_ms: 300 });
  after(() => hasty.kill());
  const { hostname, port } = new URL(hasty.url);
  const socket = connect(Number(port), hostname);
  const ended = new Promise<void>((resolve) => void socket.on("close", () => resolve()));
  socket.on("error", () => {}).pause();
  socket.write(
    `GET /v1/test/endless HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAccept: application/x-ndjson\r\n\r\n`,
  );
  await until("it is over", async () =>
    lines.some(({ operation: name, finished }) => name === "test.endless" && finished === false),
  );
  const pages = pages_read;
  assert.ok(pages > 1 && pages < 200, `${pages} pages of 64 KiB were read for somebody who reads none`);
  socket.destroy();
  await ended;
  await until("what was given is told to the audit log", async () => {
    const [entry] = await context.superuser<{ metadata: { rows: number; complete: boolean } }>(
      "SELECT metadata FROM audit_logs WHERE action = 'test.endless' AND entity_type = 'export'",
    );
    return entry?.metadata.complete === false && entry.metadata.rows > 0 && entry.metadata.rows <= pages;
  });
});

test("rows that break off are a connection that breaks off, never an answer that looks whole", async () => {
  const answer = await fetch(`${server.url}/v1/test/breaks`, {
    headers: { ...headers, accept: "application/x-ndjson" },
  });
  assert.equal(answer.status, 200);
  await assert.rejects(answer.text());
});

test("a stream tells what happens, beats where nothing does, and says how it ended", async () => {
  const late = fetch(`${server.url}/v1/test/late/stream`, { headers });
  const whole = await open(server.url, "/v1/test/ends/stream");
  await whole.ended;
  assert.equal(whole.response.headers["content-type"], "text/event-stream; charset=utf-8");
  assert.equal(whole.response.headers["cache-control"], "no-store");
  assert.equal(
    whole.text(),
    'retry: 2000\n\nid: 1\nevent: number\ndata: {"n":1}\n\nid: 2\nevent: number\ndata: {"n":2}\n\nevent: end\ndata: {}\n\n',
  );
  const rest = await open(server.url, "/v1/test/ends/stream", { "last-event-id": "1" });
  await rest.ended;
  assert.equal(told.after, "1");
  assert.doesNotMatch(rest.text(), /id: 1\n/);
  const broken = await open(server.url, "/v1/test/breaks/stream");
  await broken.ended;
  assert.match(broken.text(), /event: error\ndata: \{.*"status":503.*\}\n\n$/);
  assert.doesNotMatch(broken.text(), /10\.0\.0\.7|event: end/);
  const absent = await fetch(`${server.url}/v1/test/absent/stream`, { headers });
  assert.deepEqual([absent.status, ((await absent.json()) as Problem).code], [404, "not_found"]);
  assert.equal((await late).status, 404, "what the first look refuses is a status, however long it takes");
  const quiet = await open(server.url, "/v1/test/quiet/stream");
  assert.equal(quiet.response.statusCode, 200, "a look that finds nothing new is answered");
  quiet.close();
  const stays = await open(server.url, "/v1/test/stays/stream", { accept: "text/event-stream" });
  await until("three beats", async () => stays.text().split(":\n\n").length > 3);
  told.ends = [];
  stays.close();
  await until("the follower was told", async () => told.ends.length === 1);
});

test("whoever is put out hears no more, and nobody takes all the places", async () => {
  const leaver = await person(context, org, "viewer");
  const app = await buildServer(context, {
    follows,
    beat_ms: 30,
    life: new Life({ person: 2, organization: 3 }),
  });
  after(() => app.close());
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const own = { authorization: `Bearer ${await signIn(context, app, leaver)}` };
  const stream = await open(url, "/v1/test/stays/stream", own);
  await context.superuser("UPDATE users SET enabled = false WHERE user_id = $1", [leaver.user_id]);
  context.access.forget(leaver.user_id);
  await within(stream.ended, 20_000);
  assert.match(stream.text(), /event: error\ndata: \{.*"code":"unauthenticated".*\}\n\n$/);
  const stays = () => open(url, "/v1/test/stays/stream");
  const both = [await stays(), await stays()];
  const refused = await fetch(`${url}/v1/test/stays/stream`, { headers });
  assert.deepEqual([refused.status, ((await refused.json()) as Problem).code], [429, "too_many_streams"]);
  const colleague = {
    authorization: `Bearer ${await signIn(context, app, await person(context, org, "viewer"))}`,
  };
  both.push(await open(url, "/v1/test/stays/stream", colleague));
  const full = await fetch(`${url}/v1/test/stays/stream`, { headers: colleague });
  assert.equal(full.status, 429);
  assert.equal(((await full.json()) as Problem).code, "too_many_streams");
  for (const each of both) each.close();
  await until("the places are free", async () => {
    const again = await open(url, "/v1/test/ends/stream");
    again.close();
    return again.response.statusCode === 200;
  });
});

test("who leaves before the first look is over gives their place back, and a server that stops has none", async () => {
  const life = new Life();
  const app = await buildServer(context, { follows, beat_ms: 30, life });
  after(() => app.close());
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const left = new AbortController();
  const asking = fetch(`${url}/v1/test/slow/stream`, { headers, signal: left.signal });
  await until("it has a place", async () => life.streams === 1);
  left.abort();
  await assert.rejects(asking);
  await until("the place is free", async () => life.streams === 0);
  life.draining = true;
  const refused = await fetch(`${url}/v1/test/stays/stream`, { headers });
  assert.deepEqual([refused.status, ((await refused.json()) as Problem).code], [503, "stopping"]);
  assert.match(String(refused.headers.get("retry-after")), /^\d+$/);
});
