import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, test } from "node:test";
import { brotliDecompressSync } from "node:zlib";
import { signIn } from "../../test/security/asking.ts";
import { person, submitSmiles } from "../../test/support/context.ts";
import { type Ask, assertProblem, openHttpLab } from "../../test/support/http.ts";
import { until, within } from "../../test/support/worker.ts";
import { drawKey } from "../access/api-key.ts";
import { ACCESS_BELIEVED_MS, AccessMemory } from "../access/memory.ts";
import { BodyBudget, type BodyRoom, type Sender } from "./body-budget.ts";
import { Life } from "./life.ts";
import type { Problem } from "./problem.ts";
import { buildServer } from "./server.ts";
import { startServer } from "./start.ts";

const lines: Record<string, unknown>[] = [];
const line = (fields: object) => void lines.push(fields as Record<string, unknown>);
const log = { debug() {}, info: line, warn: line, error: line };
const { context, org, scientist, app, ask } = await openHttpLab({ after }, { log });

/** Says who took room. */
class Told extends BodyBudget {
  readonly takers: string[] = [];

  override open(sender: Sender): BodyRoom {
    this.takers.push("network" in sender ? sender.network : sender.user_id);
    return super.open(sender);
  }
}

const bodies = new Told({ large: 800_000, strangers: 32_000 });
const server = await startServer(context, { host: "127.0.0.1", port: 0, bodies });
after(() => server.kill());
const headers = { authorization: `Bearer ${await signIn(context, app, scientist)}` };

const post = (path: string, body: object) =>
  fetch(server.url + path, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(body),
  });

test("a token that is not believed is challenged as one (RFC 6750), and what has none is told what to send", async () => {
  const challenge = async (headers: Record<string, string>, request: Ask = { url: "/v1/jobs" }) => {
    const answer = await ask({ as: null, remoteAddress: "10.3.1.1", ...request, headers });
    assertProblem(answer, 401, "unauthenticated");
    return answer.headers["www-authenticate"];
  };
  const invalid = 'Bearer error="invalid_token"';
  assert.equal(await challenge({}), "Bearer");
  assert.equal(await challenge({ authorization: "Basic eDp5" }), "Bearer");
  assert.equal(await challenge({ authorization: "Bearer forged" }), invalid);
  assert.equal(await challenge({ "x-api-key": drawKey().key }), invalid);
  const login: Ask = { method: "POST", url: "/v1/auth/login", payload: { username: "x", password: "y" } };
  assert.equal(await challenge({}, login), "Bearer");
});

test("what strangers send from an address keeps nobody there from signing in, nor those who are signed in", async () => {
  const remoteAddress = "10.66.0.1";
  const clock = { ms: 0 };
  const own = await buildServer({ ...context, access: new AccessMemory({ now: () => clock.ms }) });
  after(() => own.close());
  const inject = (request: Ask) => own.inject({ remoteAddress, ...request });
  const flood = async (request: Ask, most: number) => {
    const answers = await Promise.all(Array.from({ length: most + 5 }, () => inject(request)));
    const refused = answers.filter(({ statusCode }) => statusCode === 429);
    assert.equal(refused.length, 5, JSON.stringify(request));
  };
  const as = await signIn(context, own, await person(context, org, "owner"));
  const bearer = { authorization: `Bearer ${as}` };
  const made = await inject({ method: "POST", url: "/v1/keys", payload: { name: "k" }, headers: bearer });
  const key = { "x-api-key": made.json<{ key: string }>().key };
  assert.equal((await inject({ url: "/v1/jobs", headers: key })).statusCode, 200);
  await flood({ url: "/v1/jobs" }, 60);
  await flood({ url: "/v1/jobs", headers: { "x-api-key": drawKey().key } }, 60);
  const renewing: Ask = { method: "POST", url: "/v1/auth/refresh", payload: { refresh_token: "alr_x" } };
  await flood(renewing, 120);
  const login: Ask = { method: "POST", url: "/v1/auth/login", payload: {} };
  assertProblem(await inject(login), 422, "bad_input");
  clock.ms += ACCESS_BELIEVED_MS;
  for (const headers of [bearer, key])
    assert.equal((await inject({ url: "/v1/jobs", headers })).statusCode, 200, "looked up again");
  await flood(login, 59);
});

test("the reference is counted, comes packed with a tag for each form, and the index is free", async () => {
  const remoteAddress = "10.66.0.2";
  const get = (url: string, headers: Record<string, string> = {}) =>
    app.inject({ url, remoteAddress, headers });
  for (const url of ["/docs", "/docs/errors", "/docs/style.css", "/v1/openapi.json", "/v1"]) {
    const plain = await get(url);
    const packed = await get(url, { "accept-encoding": "gzip, br" });
    assert.equal(packed.headers["content-encoding"], "br", url);
    assert.equal(brotliDecompressSync(packed.rawPayload).toString(), plain.body);
    assert.ok(packed.rawPayload.length < plain.rawPayload.length);
    assert.notEqual(packed.headers["etag"], plain.headers["etag"]);
    assert.equal(packed.headers["vary"], "accept-encoding");
    const again = { "accept-encoding": "br", "if-none-match": String(packed.headers["etag"]) };
    const same = await get(url, again);
    assert.deepEqual([same.statusCode, same.body], [304, ""], url);
    assert.equal((await get(url, { "if-none-match": String(packed.headers["etag"]) })).statusCode, 200);
    const head = await app.inject({ method: "HEAD", url, remoteAddress });
    assert.deepEqual([head.statusCode, head.body], [200, ""]);
  }
  const rest = await Promise.all(Array.from({ length: 60 }, () => get("/docs")));
  assert.equal(rest.filter(({ statusCode }) => statusCode === 429).length, 20);
  assert.equal((await get("/v1")).statusCode, 200, "programs begin with it");
});

/** A request whose body begins, so many bytes of it, and does not go on. */
function begin(bytes: number, who: Record<string, string>, asked = "POST /v1/molecules", { url } = server) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  const body = bytes === 0 ? "" : "content-type: application/json\r\ntransfer-encoding: chunked\r\n";
  const credentials = Object.entries(who).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${asked} HTTP/1.1\r\nhost: x\r\n${body}${credentials.join("")}\r\n`);
  if (bytes > 0) socket.write(`${bytes.toString(16)}\r\n${" ".repeat(bytes)}`);
  const answer = once(socket, "data").then(([data]) => String(data).split("\r\n\r\n"));
  answer.catch(() => {});
  return { socket, answer };
}

test("so many bytes of bodies are under way and no more, by what arrived: refused for a moment", async () => {
  const others = await Promise.all(["scientist", "scientist"].map((role) => person(context, org, role)));
  const [bob = {}, cy = {}] = await Promise.all(
    others.map(async (one) => ({ authorization: `Bearer ${await signIn(context, app, one)}` })),
  );
  const under = (bytes: number) => until(`${bytes} bytes are under way`, async () => bodies.taken === bytes);
  const silent = [headers, bob, cy].map((who) => begin(1, who));
  await under(3);
  const mine = begin(150_000, headers);
  await under(150_003);
  const refused = async (one: ReturnType<typeof begin>) => {
    const [head = "", text = "{}"] = await within(one.answer);
    assert.match(head, /\r\nretry-after: \d+\r\n/i);
    assert.match(head, /\r\nconnection: close\r\n/i);
    return (JSON.parse(text) as Problem).code;
  };
  assert.equal(await refused(begin(100_000, headers)), "too_many_bodies");
  await under(150_003);
  const his = begin(150_000, bob);
  await under(300_003);
  assert.equal(await refused(begin(150_000, cy)), "too_many_bodies", "so much of one organization");
  const small = await post("/v1/molecules", { records: [{ text: "C", format: "smiles" }] });
  assert.equal(small.status, 201, "what is small does not wait for it");
  mine.socket.destroy();
  await under(150_003);
  const large = { records: [{ text: "C", format: "smiles", properties: { note: "x".repeat(150_000) } }] };
  assert.equal((await post("/v1/molecules", large)).status, 201);
  for (const { socket } of [his, ...silent]) socket.destroy();
  await under(0);
  const named = { job_id: scientist.user_id, x: "y".repeat(300_000) };
  const cancel = await post(`/v1/jobs/${scientist.user_id}/cancel`, named);
  assert.deepEqual([cancel.status, ((await cancel.json()) as Problem).code], [413, "body_too_large"]);
});

test("a body that stops coming is cut off, whoever sends it, and gives its room back", async () => {
  const told = new Told();
  const pace = { bytes: 1000, ms: 50 };
  const own = await startServer(context, { host: "127.0.0.1", port: 0, bodies: told, pace });
  after(() => own.kill());
  for (const [who, asked] of [
    [headers, "POST /v1/receptors"],
    [{}, LOGIN],
  ] as const) {
    const begun = begin(500, who, asked, own);
    const [head = "", text = "{}"] = await within(begun.answer);
    assert.match(head, /^HTTP\/1.1 408 /);
    assert.match(head, /\r\nconnection: close\r\n/i);
    assert.equal((JSON.parse(text) as Problem).code, "request_too_slow");
    await until("it is given back", async () => told.taken === 0);
  }
});

test("a packed body is not read, nor one in another coding of the way than chunked", async () => {
  const headed = (headers: Record<string, string>) =>
    ask({ method: "POST", url: "/v1/molecules", payload: { records: [] }, headers });
  assertProblem(await headed({ "content-encoding": "gzip" }), 415, "unsupported_media_type");
  assertProblem(await headed({ "content-encoding": "Identity" }), 422, "bad_input");
  assertProblem(await headed({ "transfer-encoding": "gzip, chunked" }), 501, "unknown_coding");
});

const LOGIN = "POST /v1/auth/login";

test("what is at no path, or nothing there, is refused unread, has no room and is counted", async () => {
  const before = bodies.takers.length;
  const cases = { "POST /nothing": 404, "POST /v1/openapi.json": 405, "OPTIONS /v1/jobs": 204 };
  for (const [asked, status] of Object.entries(cases)) {
    const begun = begin(60_000, {}, asked);
    const [head = ""] = await within(begun.answer);
    assert.ok(head.startsWith(`HTTP/1.1 ${status} `), head);
    assert.match(head, /\r\nconnection: close(\r\n|$)/i, asked);
    begun.socket.destroy();
  }
  assert.deepEqual(bodies.takers.slice(before), []);
  const lost = [
    ["POST", "/nothing", 404],
    ["DELETE", "/v1/jobs", 405],
    ["OPTIONS", "/v1/jobs", 204],
  ] as const;
  for (const [n, [method, url, status]] of lost.entries()) {
    const one = () => app.inject({ method, url, remoteAddress: `10.66.1.${n}` });
    const answers = await Promise.all(Array.from({ length: 61 }, one));
    assert.deepEqual([...new Set(answers.map(({ statusCode }) => statusCode))].toSorted(), [status, 429]);
    assert.equal(answers.filter(({ statusCode }) => statusCode === 429).length, 1, url);
  }
  const index = () => app.inject({ method: "POST", url: "/v1", remoteAddress: "10.66.1.0" });
  assert.equal((await index()).statusCode, 405, "programs begin with it");
});

test("what strangers send without end keeps out their own network's, and nobody who is signed in", async () => {
  const first = begin(3000, {}, LOGIN);
  await until("it is under way", async () => bodies.taken === 3000);
  const [, text = "{}"] = await within(begin(2000, {}, LOGIN).answer);
  assert.equal((JSON.parse(text) as Problem).code, "too_many_bodies");
  const [, long = "{}"] = await within(begin(9000, {}, LOGIN).answer);
  assert.equal((JSON.parse(long) as Problem).code, "body_too_large");
  assert.equal((await post("/v1/molecules", { records: [{ text: "C", format: "smiles" }] })).status, 201);
  first.socket.destroy();
  await until("it is given back", async () => bodies.taken === 0);
  const told = new Told();
  const own = await buildServer(context, { bodies: told });
  after(() => own.close());
  const login = { method: "POST", url: "/v1/auth/login", payload: {} } as const;
  await own.inject({ ...login, remoteAddress: "2001:db8:1:2::5" });
  assert.deepEqual(told.takers, ["2001:db8:1:2::/64"]);
});

test("who leaves while they are looked up leaves no room taken, no stream open and nothing done", async () => {
  const made = await post("/v1/keys", { name: "cold" });
  const who = { "x-api-key": ((await made.json()) as { key: string }).key };
  const jobs = await Promise.all(["CC", "CCC"].map((text) => submitSmiles(context, scientist, text)));
  const [left = "", stayed = ""] = jobs.map((one) => one.jobs[0]?.job_id);
  const clock = { ms: 0 };
  const look = { entered: Promise.withResolvers<void>(), go: Promise.resolve() };
  const { metadata } = context;
  const slow = Object.assign(Object.create(metadata), {
    system: async (...given: Parameters<typeof metadata.system>) => {
      look.entered.resolve();
      await look.go;
      return metadata.system(...given);
    },
  });
  const [life, told] = [new Life(), new Told()];
  const access = new AccessMemory({ now: () => clock.ms });
  const own = await buildServer({ ...context, metadata: slow, access }, { life, bodies: told });
  after(() => own.close());
  const url = await own.listen({ host: "127.0.0.1", port: 0 });
  const leave = async (bytes: number, asked: string) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    Object.assign(look, { entered: Promise.withResolvers<void>(), go: promise });
    clock.ms += ACCESS_BELIEVED_MS;
    const begun = begin(bytes, who, asked, { ...server, url });
    await within(look.entered.promise);
    begun.socket.destroy();
    await until("the server has heard of it", async () => life.running === 0);
    resolve();
  };
  const ask = (path: string, method = "GET") => fetch(url + path, { method, headers: who });

  await leave(60_000, "POST /v1/molecules");
  await until("the look is over", async () => told.takers.length === 1);
  assert.equal(told.taken, 0);

  await leave(0, `POST /v1/jobs/${left}/cancel`);
  assert.equal((await ask(`/v1/jobs/${stayed}/cancel`, "POST")).status, 200);
  const read = async (id: string) => {
    const answer = await fetch(`${server.url}/v1/jobs/${id}`, { headers });
    return ((await answer.json()) as { status: string }).status;
  };
  assert.deepEqual([await read(left), await read(stayed)], ["queued", "cancelled"]);

  await leave(0, `GET /v1/jobs/${left}/stream`);
  const open = await ask(`/v1/jobs/${left}/stream`);
  assert.deepEqual([open.status, life.streams], [200, 1]);
  await open.body?.cancel();
  await until("its place is given back", async () => life.streams === 0);
});

test("what is refused under load is a line of warning, without a stack", async () => {
  const rooms = Array.from({ length: 8 }, (_, n) => bodies.open({ network: `10.66.2.${n}` }));
  for (const room of rooms) room.take(4000);
  const [, text = "{}"] = await within(begin(100, {}, LOGIN).answer);
  for (const room of rooms) room[Symbol.dispose]();
  const { code, request_id: id } = JSON.parse(text) as Problem;
  assert.equal(code, "busy");
  const [said] = lines.filter(({ request_id, code }) => request_id === id && code === "busy");
  assert.deepEqual([said?.["err"], said?.["operation"]], [undefined, "auth.login"]);
});

test("a connection that breaks in the middle of a body is no error of ours", async () => {
  const id = "breaks-off";
  const begun = begin(150_000, { ...headers, "x-request-id": id });
  begun.socket.write('{"records":[');
  const told = () => lines.filter(({ request_id }) => request_id === id);
  begun.socket.destroySoon();
  await until("it is over", async () => told().length > 0);
  // Whatever was to be said of it was said before the next one is answered.
  await post("/v1/molecules", {});
  assert.deepEqual(
    told().filter(({ err }) => err !== undefined),
    [],
  );
});
