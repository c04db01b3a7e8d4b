import assert from "node:assert/strict";
import { test } from "node:test";
import { batchRow } from "./report.ts";
import type { BatchHead } from "./store.ts";

const START = Date.parse("2026-01-01T00:00:00Z");
const head = {
  status: "in_progress",
  started_at: new Date(START).toISOString(),
  options: {},
  counts: { pending: 10, queued: 4, processing: 6, completed: 100, failed: 0, skipped: 0 },
} as unknown as BatchHead;
const told = (endings: number[], more: object = {}) => {
  const { rate_per_s, eta_s } = batchRow(
    { ...head, ...more },
    null,
    endings.map((minute) => START + minute * 60_000),
  );
  return [rate_per_s, eta_s];
};

test("the rate is that of the last minutes in which items ended, whatever rested before", () => {
  assert.deepEqual(told([]), [null, null]);
  const soon = Array.from({ length: 61 }, (_, second) => 6000 + second / 60);
  assert.deepEqual(told([1, 2, ...soon]), [1, 20]);
  assert.deepEqual(told(soon, { status: "paused" }), [1, null], "nobody says how long a pause is");
  assert.deepEqual(told([10, 110, 210]), [0.0001667, 119_976], "jobs longer than those minutes");
  assert.deepEqual(told([1, 1, 1]), [0.05, 400], "all at once: since the start");
});
