import assert from "node:assert/strict";
import { test } from "node:test";
import { batchRow } from "./report.ts";
import type { BatchHead } from "./store.ts";

const START = Date.parse("2026-01-01T00:00:00Z");
const head = {
  status: "in_progress",
  started_at: new Date(START).toISOString(),
  ended_at: null,
  options: {},
  counts: { pending: 10, queued: 4, processing: 6, completed: 100, failed: 20, skipped: 0 },
} as unknown as BatchHead;
const MINUTE = 60_000;
/** Rate and time left, `now` minutes after the start, of items that ended so many minutes after it. */
const told = (
  now: number,
  endings: number[][],
  { most = 500, ...more }: { most?: number } & Partial<BatchHead> = {},
) => {
  const lists = endings.map((list) => list.map((minute) => START + minute * MINUTE));
  const { rate_per_s, eta_s } = batchRow(
    { ...head, ...more },
    null,
    { endings: lists, most },
    START + now * MINUTE,
  );
  return [rate_per_s, eta_s];
};
const every = (seconds: number, count: number, last: number) =>
  Array.from({ length: count }, (_, n) => last - (n * seconds) / 60);

test("under way it is the rate of the last minute, whatever rested before; nothing is said of a pause", () => {
  assert.deepEqual(told(5, []), [null, null]);
  assert.deepEqual(told(100, [every(1, 60, 100)]), [1, 20]);
  assert.deepEqual(told(100, [[...every(1, 60, 100), ...every(1, 300, 50)]]), [1, 20], "a rest before");
  assert.deepEqual(told(100.5, [every(1, 60, 100)]), [0.5167, 39], "it falls when nothing ends any more");
  assert.deepEqual(told(0.5, [every(1, 15, 0.4)]), [0.5, 40], "since the start where that is shorter");
  assert.deepEqual(told(100, [every(1, 30, 100), every(2, 30, 100)]), [1, 20], "what failed ended too");
  assert.deepEqual(told(100, [every(0.1, 50, 100)], { most: 50 }), [10.2, 2], "more than were read");
  assert.deepEqual(told(300, [every(600, 20, 300)]), [0.001852, 10_799], "jobs that take ten minutes");
  assert.deepEqual(told(100, [every(1, 60, 100)], { status: "paused" }), [null, null]);
});

test("ended, it is the rate of the whole run; a cancelled one has none", () => {
  const ended_at = new Date(START + 2 * MINUTE).toISOString();
  assert.deepEqual(told(500, [[1]], { status: "completed", ended_at }), [1, null]);
  assert.deepEqual(told(500, [[1]], { status: "cancelled", ended_at }), [null, null]);
  assert.deepEqual(told(500, [], { status: "failed", ended_at: head.started_at }), [null, null]);
});
