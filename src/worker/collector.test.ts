import assert from "node:assert/strict";
import { test } from "node:test";
import { Collector, together } from "./collector.ts";

const fulfilled = <T>(value: T) => ({ status: "fulfilled" as const, value });

test("a lone one goes at once; what comes meanwhile goes together, each with its own end", async () => {
  const groups: number[][] = [];
  const first = Promise.withResolvers<void>();
  const collector = new Collector<number, number>(async (items) => {
    groups.push(items);
    if (groups.length === 1) await first.promise;
    return items.map((item) => fulfilled(item * 10));
  });
  const one = collector.add(1);
  while (groups.length === 0) await new Promise(setImmediate);
  const others = [2, 3, 4].map((item) => collector.add(item));
  first.resolve();
  assert.deepEqual(await Promise.all([one, ...others]), [10, 20, 30, 40]);
  assert.deepEqual(groups, [[1], [2, 3, 4]]);
});

test("those that wait behind a group that hangs go on without it, 100 at most together", async () => {
  const hang = Promise.withResolvers<void>();
  const sizes: number[] = [];
  const collector = new Collector<number, number>(async (items) => {
    sizes.push(items.length);
    if (sizes.length === 1) await hang.promise;
    return items.map(fulfilled);
  });
  const hung = collector.add(0);
  while (sizes.length === 0) await new Promise(setImmediate);
  const others = Array.from({ length: 250 }, (_, index) => collector.add(index));
  assert.equal((await Promise.all(others)).length, 250);
  assert.deepEqual([sizes[0], Math.max(...sizes), sizes.reduce((sum, size) => sum + size, 0)], [1, 100, 251]);
  hang.resolve();
  assert.equal(await hung, 0);
});

test("one bad thing fails alone; what would meet all is not tried again", async () => {
  const tried: number[][] = [];
  const work = async (items: number[]) => {
    tried.push(items);
    if (items.includes(2)) throw new Error("two is bad");
    return items;
  };
  const ends = await together([1, 2, 3], work, () => false);
  assert.deepEqual(
    ends.map(({ status }) => status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual(tried, [[1, 2, 3], [1], [2], [3]]);
  tried.length = 0;
  const all = await together([1, 2, 3], work, () => true);
  assert.deepEqual(
    all.map(({ status }) => status),
    ["rejected", "rejected", "rejected"],
  );
  assert.equal(tried.length, 1);
});

test("a group that breaks rejects each of its own, and the next is served", async () => {
  let broken = true;
  const collector = new Collector<number, number>(async (items) => {
    if (broken) throw new Error("broken");
    return items.map(fulfilled);
  });
  await assert.rejects(collector.add(1), /broken/);
  broken = false;
  assert.equal(await collector.add(2), 2);
});
