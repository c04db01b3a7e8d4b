import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Cache } from "../../src/cache/cache.ts";

/** A cache that nobody else uses, with a way to let its time pass. */
export type CacheOfTest = { cache: Cache; pass(ms: number): Promise<void> | void };

/** What every adapter of the port must do. */
export function cacheContract(name: string, make: () => CacheOfTest | Promise<CacheOfTest>): void {
  test(`${name}: what is set is there until its time is over, or it is deleted or set again`, async () => {
    const { cache, pass } = await make();
    assert.equal(await cache.get("word:a"), undefined);
    await cache.set("word:a", "one", 100);
    await cache.set("word:b", "", 1000);
    assert.deepEqual([await cache.get("word:a"), await cache.get("word:b")], ["one", ""]);
    await cache.set("word:a", "two", 1000);
    await pass(100);
    assert.equal(await cache.get("word:a"), "two", "the new time holds");
    await cache.delete("word:a");
    await cache.delete("word:a");
    assert.equal(await cache.get("word:a"), undefined);
    await pass(1000);
    assert.equal(await cache.get("word:b"), undefined);
  });

  test(`${name}: a counter's time is that of the first to add`, async () => {
    const { cache, pass } = await make();
    const first = await cache.count("hits:a", 1, 1000);
    assert.equal(first.value, 1);
    assert.ok(first.ttl_ms > 0 && first.ttl_ms <= 1000, String(first.ttl_ms));
    await pass(600);
    const second = await cache.count("hits:a", 2, 1000);
    assert.equal(second.value, 3);
    assert.ok(second.ttl_ms <= 400, "it was prolonged");
    assert.equal(await cache.get("hits:a"), "3");
    await pass(400);
    assert.equal(await cache.get("hits:a"), undefined);
    assert.equal((await cache.count("hits:a", 1, 1000)).value, 1);
    await cache.delete("hits:a");
    assert.equal((await cache.count("hits:a", 5, 1000)).value, 5);
  });

  test(`${name}: what is taken back begins nothing and goes below nothing nowhere`, async () => {
    const { cache, pass } = await make();
    await cache.count("hits:a", 1, 1000);
    await pass(1000);
    assert.equal((await cache.count("hits:a", -1, 1000)).value, 0);
    assert.equal(await cache.get("hits:a"), undefined);
    await pass(600);
    const first = await cache.count("hits:a", 1, 1000);
    assert.deepEqual([first.value, first.ttl_ms > 600], [1, true], "its time begins now");
    assert.equal((await cache.count("hits:a", -2, 1000)).value, 0);
    assert.equal((await cache.count("hits:a", 1, 1000)).value, 1);
  });

  test(`${name}: of many at once none is lost`, async () => {
    const { cache } = await make();
    const counted = await Promise.all(Array.from({ length: 200 }, () => cache.count("hits:many", 1, 60_000)));
    assert.deepEqual(
      counted.map(({ value }) => value).toSorted((a, b) => a - b),
      Array.from({ length: 200 }, (_, n) => n + 1),
    );
  });

  test(`${name}: a key may hold anything`, async () => {
    const { cache } = await make();
    // Of any code points, halves of pairs too; `fc.string` makes a list of them all first, which takes a second.
    const points = fc.array(fc.nat(0x10ffff), { maxLength: 400 });
    const odd = points.map((all) => String.fromCodePoint(...all));
    const rule = async (id: string, value: string) => {
      await cache.set(`odd:${id}`, value, 60_000);
      assert.equal(await cache.get(`odd:${id}`), value);
      await cache.count(`oddly:${id}`, 3, 60_000);
      assert.equal(await cache.get(`oddly:${id}`), "3");
      await cache.delete(`oddly:${id}`);
    };
    await fc.assert(fc.asyncProperty(odd, fc.string(), rule), { numRuns: 50 });
    await rule("__proto__", "a");
    await rule(":", "b");
  });
}
