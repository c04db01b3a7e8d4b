import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Type } from "typebox";
import { signIn } from "../../test/security/asking.ts";
import { makeOrg, openTestContext, person } from "../../test/support/context.ts";
import { submitScript } from "../../test/support/engine.ts";
import { databaseUrl } from "../../test/support/server.ts";
import { startWorker, until, within } from "../../test/support/worker.ts";
import { parseConfig } from "../config.ts";
import { type Context, openContext } from "../context.ts";
import { AppError } from "../errors.ts";
import { FOLLOWS, OPERATIONS } from "../features.ts";
import { sha256 } from "../ids.ts";
import { type Follow, type Followed, follow, type Operation, operation } from "../operation.ts";
import { insertStructure } from "../structures/store.ts";
import { Life } from "./life.ts";
import type { Problem } from "./problem.ts";
import { buildServer } from "./server.ts";
import { type Running, startServer } from "./start.ts";

const lines: Record<string, unknown>[] = [];
const line = (fields: object) => void lines.push(fields as Record<string, unknown>);
const log = { debug() {}, info: line, warn: line, error: line };
const context = await openTestContext({ after }, { log });
const org = await makeOrg(context);
const scientist = await person(context, org, "scientist");

/** What the operations of this file wait for, and what they saw. */
const gate = { opened: Promise.withResolvers<void>(), entered: Promise.withResolvers<void>() };
function newGate(): typeof gate {
  gate.opened = Promise.withResolvers();
  gate.entered = Promise.withResolvers();
  return gate;
}
const told = { ends: [] as string[], after: undefined as string | undefined, pages: 0 };

const waits = operation({
  name: "test.waits",
  summary: "Writes, then waits until it is let on",
  permission: "jobs:submit",
  http: { method: "POST", path: "/test/waits" },
  tx: "results",
  input: Type.Object({ tag: Type.String() }),
  output: Type.Unknown(),
  run: async ({ scope, principal }, { tag }) => {
    await insertStructure(scope.tx, {
      ...{ molecule_id: null, kind: "conformer", name: tag, format: "xyz", uri: `object:${sha256(tag)}` },
      ...{
        size_bytes: 1,
        checksum: `sha256:${sha256(tag)}`,
        charge: 0,
        multiplicity: 1,
        geometry_hash: null,
      },
      ...{ preparation: {}, source: "test", owner_id: principal.user_id, visibility: "organization" },
    });
    gate.entered.resolve();
    await gate.opened.promise;
    return { tag };
  },
  told: () => ({ entity_type: "test" }),
});

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
    told.pages++;
    return { items: [{ text: "x".repeat(65_536) }], next_cursor: "more" };
  },
});

const counts = follow({
  name: "test.follow",
  summary: "Numbers",
  permission: "jobs:read",
  http: { method: "GET", path: "/test/{way}/stream" },
  input: Type.Object({ way: Type.String() }),
  told_as: Type.Object({ n: Type.Integer() }),
  async *run({ after: known, signal, looked }, { way }): AsyncGenerator<Followed<{ n: number }>> {
    told.after = known;
    if (way === "slow")
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    if (way === "late") await sleep(1100);
    if (way === "quiet") {
      looked();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    }
    if (way === "absent" || way === "late") throw new AppError("not_found", "no such thing");
    for (let n = Number(known ?? 0) + 1; n <= 2; n++) yield { id: String(n), event: "number", data: { n } };
    if (way === "breaks") throw new AppError("unavailable", "at 10.0.0.7");
    if (way === "stays") {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      told.ends.push("stays");
    }
  },
});

const operations = [...OPERATIONS, waits, breaks, endless] as unknown as Operation[];
const follows = [...FOLLOWS, counts] as readonly Follow[];
const start = (more: object = {}, seconds = 60): Promise<Running> =>
  startServer(patient(seconds), { host: "127.0.0.1", port: 0, operations, follows, beat_ms: 30, ...more });

/** The same context with another REQUEST_TIMEOUT. */
function patient(request_timeout_seconds: number): Context {
  const { config } = context;
  return { ...context, config: { ...config, api: { ...config.api, request_timeout_seconds } } };
}

const server = await start({ arrive_ms: 400, drain_ms: 2000 });
after(() => server.kill());
const signing = await buildServer(context);
const token = await signIn(context, signing, scientist);
await signing.close();
const headers = { authorization: `Bearer ${token}` };

const post = (url: string, path: string, body: object) =>
  fetch(url + path, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(body),
  });

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

const kept = async (tag: string) =>
  (await context.superuser("SELECT 1 FROM structures WHERE name = $1", [tag], org.database_name)).length;

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
  after(() => app.close());
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
  const pages = told.pages;
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

type Opened = { response: IncomingMessage; text: () => string; ended: Promise<void>; close(): void };

async function open(url: string, path: string, more: Record<string, string> = {}): Promise<Opened> {
  const asked = request(url + path, { headers: { ...headers, ...more }, agent: new Agent() });
  asked.end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  response.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  response.on("error", () => {});
  const ended = new Promise<void>((resolve) => void response.on("close", () => resolve()));
  return { response, text: () => text, ended, close: () => void asked.destroy() };
}

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

test("a server that stops ends streams, finishes what runs, and lets nobody in", async () => {
  const leaving = await start({ drain_ms: 5000 });
  const stream = await open(leaving.url, "/v1/test/stays/stream");
  const { opened, entered } = newGate();
  const running = post(leaving.url, "/v1/test/waits", { tag: "finished" });
  await entered.promise;
  const kept_alive = new Agent({ keepAlive: true, maxSockets: 1 });
  const ready = () =>
    new Promise<number | undefined>((resolve, reject) => {
      request(`${leaving.url}/readyz`, { agent: kept_alive }, (response) => {
        response.resume().on("end", () => resolve(response.statusCode));
      })
        .on("error", reject)
        .end();
    });
  assert.equal(await ready(), 200);
  const stopped = leaving.stop();
  assert.equal(leaving.stop(), stopped, "one stop, however often it is asked");
  await within(stream.ended, 20_000);
  assert.doesNotMatch(stream.text(), /event: (end|error)/, "it goes on elsewhere");
  await until("the listener is closed", async () =>
    fetch(`${leaving.url}/healthz`).then(
      () => false,
      () => true,
    ),
  );
  opened.resolve();
  assert.equal((await running).status, 200);
  const ends = await stopped;
  assert.deepEqual(
    ends.map(({ phase, ended }) => `${phase} ${ended}`),
    ["streams done", "listener done", "requests done", "connections done"],
  );
  assert.equal(await kept("finished"), 1);
});

test("a request that does not end in time is cut off, and what it wrote is taken back", async () => {
  const leaving = await start({ drain_ms: 50 });
  const { opened, entered } = newGate();
  const running = post(leaving.url, "/v1/test/waits", { tag: "cut off" });
  const cut = assert.rejects(running);
  await entered.promise;
  const stopped = leaving.stop();
  await cut;
  opened.resolve();
  assert.equal((await stopped).find(({ phase }) => phase === "requests")?.ended, "late");
  const quick = newGate();
  quick.opened.resolve();
  await post(server.url, "/v1/test/waits", { tag: "after the cut" });
  assert.deepEqual([await kept("after the cut"), await kept("cut off")], [1, 0]);
});

test("the address that is told is the one that was asked for", async () => {
  for (const [host, url] of [
    ["0.0.0.0", /^http:\/\/0\.0\.0\.0:[1-9]\d*$/],
    ["127.0.0.1", /^http:\/\/127\.0\.0\.1:[1-9]\d*$/],
  ] as const) {
    const running = await start({ host });
    assert.match(running.url, url);
    await running.stop();
  }
});

test("a port that is taken is said in a line, and nothing is left listening", async () => {
  const { port } = new URL(server.url);
  await assert.rejects(start({ port: Number(port) }), (error: AppError) => {
    assert.equal(error.kind, "conflict");
    return /--port or API_PORT/.test(error.message);
  });
  await assert.rejects(start({ host: "192.0.2.1" }), (error: AppError) => error.kind === "usage");
});

test("two servers on one database, and a worker: what one is told the other shows, streams and answers again", async () => {
  const { config } = parseConfig({ DATABASE_URL: databaseUrl(context.admin, context.database) });
  const other = await openContext({
    config,
    home: context.home,
    secret: context.secret,
    say: () => {},
    toolkitThreads: 1,
  });
  const second = await startServer(other, { host: "127.0.0.1", port: 0 });
  try {
    const { stop } = startWorker({ after }, context);
    const job_id = await submitScript(context, scientist, { script: "sleep 0.3; echo -1.5" });
    const stream = await open(second.url, `/v1/jobs/${job_id}/stream`);
    await within(stream.ended, 20_000);
    assert.match(stream.text(), /event: end\n/);
    const [here, there] = await Promise.all(
      [server.url, second.url].map(async (url) => {
        const answer = await fetch(`${url}/v1/jobs/${job_id}`, { headers });
        return { status: answer.status, etag: answer.headers.get("etag"), body: await answer.text() };
      }),
    );
    assert.equal(here?.status, 200);
    assert.equal((JSON.parse(here?.body ?? "") as { status: string }).status, "completed");
    assert.deepEqual(there, here, "the same answer with the same tag");
    const add = (url: string) =>
      fetch(`${url}/v1/molecules`, {
        method: "POST",
        headers: { ...headers, "content-type": "application/json", "idempotency-key": "two-servers" },
        body: JSON.stringify({ records: [{ text: "CCO", format: "smiles" }] }),
      });
    const answers = await Promise.all([add(server.url), add(second.url)]);
    const replayed = answers.map((each) => each.headers.get("idempotency-replayed"));
    assert.deepEqual(replayed.toSorted(), [null, "true"].toSorted(), "done once, whichever was first");
    await stop();
  } finally {
    await second.stop();
    await other[Symbol.asyncDispose]();
  }
});
