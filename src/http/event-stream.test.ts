import assert from "node:assert/strict";
import { test } from "node:test";
import { NOBODY } from "../access/principal.ts";
import type { Followed } from "../operation.ts";
import { eventText } from "./event-stream.ts";

const one = { id: "1", event: "number", data: 1 };

function following(first: Promise<IteratorResult<Followed>>) {
  const left = new AbortController();
  const said: string[] = [];
  const failed: unknown[] = [];
  const asked = { times: 0 };
  const events = { next: async () => ({ done: true as const, value: undefined }) };
  const again = async () => {
    asked.times++;
    return NOBODY;
  };
  const text = eventText(
    { events, first },
    { again, signal: left.signal, request_id: "test", failed: (error) => failed.push(error), beat_ms: 1 },
  );
  return { left, said, failed, asked, text };
}

test("a stream on which nothing happens listens once to what may come, however long it beats", async (t) => {
  const coming = Promise.withResolvers<IteratorResult<Followed>>();
  const listened = t.mock.method(coming.promise, "then");
  const { text, said, asked } = following(coming.promise);
  for await (const part of text) {
    said.push(part);
    if (said.length === 100) coming.resolve({ done: false, value: one });
  }
  assert.equal(listened.mock.callCount(), 1);
  assert.deepEqual(said.slice(1, 100), Array(99).fill(":\n\n"));
  assert.deepEqual(said.slice(-2), ["id: 1\nevent: number\ndata: 1\n\n", "event: end\ndata: {}\n\n"]);
  assert.ok(asked.times >= 99, "at each beat it is asked whether they may still hear");
});

test("what comes while nobody waits is kept, what breaks is said, and a stream that is ended says nothing", async () => {
  const kept = following(Promise.resolve({ done: false, value: one }));
  for await (const part of kept.text) kept.said.push(part);
  assert.deepEqual(kept.said.slice(1), ["id: 1\nevent: number\ndata: 1\n\n", "event: end\ndata: {}\n\n"]);
  const broken = following(Promise.reject(new Error("at 10.0.0.7")));
  for await (const part of broken.text) broken.said.push(part);
  assert.match(broken.said.at(-1) ?? "", /^event: error\ndata: \{.*"status":500/);
  assert.equal(broken.failed.length, 1);
  const ended = following(new Promise(() => {}));
  for await (const part of ended.text) {
    ended.said.push(part);
    if (ended.said.length === 3) ended.left.abort();
  }
  assert.equal(ended.said.length, 3);
});
