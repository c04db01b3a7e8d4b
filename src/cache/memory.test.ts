import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cacheContract } from "../../test/support/cache-contract.ts";
import { MemoryCache } from "./memory.ts";
import { Sketch } from "./sketch.ts";

function withClock(settings: { counters?: number; values?: number } = {}) {
  let now = 0;
  const cache = new MemoryCache({ ...settings, now: () => now });
  return {
    cache,
    pass: (ms: number) => {
      now += ms;
    },
  };
}

cacheContract("memory", () => withClock());

const MINUTE = 60_000;

test("a flood of names takes no count from those that were there, and no more memory", async () => {
  const { cache } = withClock({ counters: 1000 });
  for (let n = 0; n < 500; n++) await cache.count(`login:known-${n}`, 7, MINUTE);
  for (let n = 0; n < 20_000; n++) await cache.count(`login:new-${n}`, 1, MINUTE);
  for (let n = 0; n < 500; n++) assert.equal((await cache.count(`login:known-${n}`, 1, MINUTE)).value, 8);
  assert.deepEqual(cache.size, { counters: 1000, values: 0 });
});

test("who is counted in the flood can't go round a limit, and who comes after it begins at nothing", async () => {
  const { cache, pass } = withClock({ counters: 10 });
  for (let n = 0; n < 10; n++) await cache.count(`login:first-${n}`, 1, MINUTE / 2);
  const counted: number[] = [];
  for (let n = 0; n < 50; n++) {
    counted.push((await cache.count("login:victim", 1, MINUTE)).value);
    for (let other = 0; other < 100; other++) await cache.count(`login:${n}-${other}`, 1, MINUTE);
    // Room is made meanwhile, and a count of its own would begin at nothing.
    if (n === 25) pass(MINUTE / 2);
  }
  for (const [index, value] of counted.entries()) assert.ok(value > index, `${value} at ${index}`);
  assert.ok(counted.every((value, index) => index === 0 || value > (counted[index - 1] ?? 0)));
  pass(MINUTE);
  assert.equal((await cache.count("login:victim", 1, MINUTE)).value, 1);
});

test("one purpose's flood is no other's", async () => {
  const { cache } = withClock({ counters: 10, values: 10 });
  await cache.set("answer:mine", "kept", MINUTE);
  for (let n = 0; n < 100; n++) {
    await cache.count(`login:${n}`, 1, MINUTE);
    await cache.set(`page:${n}`, "x", MINUTE);
  }
  assert.equal((await cache.count("rate_limit:me", 1, MINUTE)).value, 1);
  assert.equal((await cache.count("rate_limit:me", 1, MINUTE)).value, 2);
  assert.equal(await cache.get("answer:mine"), "kept");
  assert.deepEqual(cache.size, { counters: 11, values: 11 });
});

test("purposes that somebody makes up share one room", async () => {
  const { cache } = withClock({ counters: 10, values: 10 });
  for (let n = 0; n < 5000; n++) {
    await cache.count(`made-up-${n}:a`, 1, MINUTE);
    await cache.set(`made-up-${n}:b`, "x", MINUTE);
  }
  assert.ok(cache.size.counters <= 640 && cache.size.values <= 640, JSON.stringify(cache.size));
});

test("what expired is swept while others come, one after another", async () => {
  const { cache, pass } = withClock();
  for (let n = 0; n < 5000; n++) {
    await cache.count(`hits:${n}`, 1, 1000);
    await cache.set(`word:${n}`, "x", 1000);
  }
  pass(1000);
  for (let n = 0; n < 5000; n++) {
    await cache.count(`hits:later-${n}`, 1, MINUTE);
    await cache.set(`word:later-${n}`, "x", MINUTE);
  }
  assert.deepEqual(cache.size, { counters: 5000, values: 5000 });
});

test("of values the oldest goes, and what is too long is not kept", async () => {
  const { cache } = withClock({ values: 3 });
  for (const name of ["a", "b", "c", "a", "d"]) await cache.set(`word:${name}`, name, MINUTE);
  const found = await Promise.all(["a", "b", "c", "d"].map((name) => cache.get(`word:${name}`)));
  assert.deepEqual(found, ["a", undefined, "c", "d"]);
  await cache.set("word:long", "x".repeat(500_000), MINUTE);
  assert.equal(await cache.get("word:long"), undefined);
  const { cache: roomy } = withClock();
  for (let n = 0; n < 40; n++) await roomy.set(`word:${n}`, "x".repeat(400_000), MINUTE);
  assert.equal(roomy.size.values, 10, "four million characters");
});

test("a sketch never says too little of anybody, and of few nothing too much", () => {
  const adds = fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 9 })), {
    maxLength: 200,
  });
  fc.assert(
    fc.property(adds, (list) => {
      const sketch = new Sketch(1000);
      const truth = new Map<number, number>();
      for (const [key, by] of list) {
        truth.set(key, (truth.get(key) ?? 0) + by);
        assert.equal(sketch.add(`k${key}`, by, 0).value, sketch.estimate(`k${key}`));
      }
      for (const [key, sum] of truth) assert.ok(sketch.estimate(`k${key}`) >= sum);
    }),
    { numRuns: 30 },
  );
  const crowded = new Sketch(1000);
  for (let n = 0; n < 100_000; n++) crowded.add(`k${n}`, 1, 0);
  assert.ok(crowded.estimate("another") <= 8, String(crowded.estimate("another")));
});
