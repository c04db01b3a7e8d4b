import assert from "node:assert/strict";
import { test } from "node:test";
import { Believed } from "./believed.ts";

test("an answer is read once for all that ask, by door and key, and for 10 s", async (t) => {
  const believed = new Believed<number>();
  const [door, other] = [{}, {}];
  let reads = 0;
  const read = async () => ++reads;
  assert.deepEqual(await Promise.all([believed.of(door, "a", read), believed.of(door, "a", read)]), [1, 1]);
  assert.equal(await believed.of(door, "b", read), 2);
  assert.equal(await believed.of(other, "a", read), 3);
  const now = performance.now();
  t.mock.method(performance, "now", () => now + 10_001);
  assert.equal(await believed.of(door, "a", read), 4);
});

test("an answer that failed is not kept", async () => {
  const believed = new Believed<number>();
  const door = {};
  await assert.rejects(
    believed.of(door, "a", () => Promise.reject(new Error("away"))),
    /away/,
  );
  assert.equal(await believed.of(door, "a", async () => 1), 1);
});
