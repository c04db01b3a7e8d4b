import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { after, test } from "node:test";
import { submitScript } from "../../test/support/engine.ts";
import { databaseUrl } from "../../test/support/server.ts";
import { openWireLab } from "../../test/support/wire.ts";
import { startWorker, until, within } from "../../test/support/worker.ts";
import { parseConfig } from "../config.ts";
import { openContext } from "../context.ts";
import type { AppError } from "../errors.ts";
import { startServer } from "./start.ts";

const lab = await openWireLab({ after });
const { context, scientist, headers, kept, newGate, open, post, start } = lab;
const server = await start();
after(() => server.kill());

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
