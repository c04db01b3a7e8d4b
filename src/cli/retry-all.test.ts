import assert from "node:assert/strict";
import { test } from "node:test";
import { retryAll } from "./retry-all.ts";

/** Answers one call after the other, and what each was asked. */
function answers(...parts: { retried: number; more: boolean; next_after: string | null }[]) {
  const asked: { after?: string }[] = [];
  return {
    asked,
    retry: async (on: { after?: string }) => parts[asked.push(on) - 1] ?? assert.fail("asked again"),
  };
}

test("calls go on after the last job of the one before, and what they did is added up", async () => {
  const { asked, retry } = answers(
    { retried: 5000, more: true, next_after: "b" },
    // Those of a portion that somebody else retried meanwhile end nothing.
    { retried: 0, more: true, next_after: "c" },
    { retried: 7, more: false, next_after: null },
  );
  assert.deepEqual(await retryAll(retry), { retried: 5007, more: false });
  assert.deepEqual(asked, [{}, { after: "b" }, { after: "c" }]);
});

test("a full queue ends them, and says that there is more", async () => {
  const { asked, retry } = answers(
    { retried: 5000, more: true, next_after: "b" },
    { retried: 12, more: true, next_after: null },
  );
  assert.deepEqual(await retryAll(retry), { retried: 5012, more: true });
  assert.equal(asked.length, 2);
});
