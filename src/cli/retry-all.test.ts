import assert from "node:assert/strict";
import { test } from "node:test";
import type { Retried } from "../batches/retry.ts";
import { describeRetried, retryAll } from "./retry-all.ts";

const left_out: Retried["left_out"] = [{ code: "scf_not_converged", why: "final", count: 3 }];

/** Answers one call after the other, and what each was asked. */
function answers(...parts: Omit<Retried, "left_out">[]) {
  const asked: { after?: string }[] = [];
  return {
    asked,
    retry: async (on: { after?: string }) => ({
      ...(parts[asked.push(on) - 1] ?? assert.fail("asked again")),
      left_out: on.after === undefined ? left_out : [],
    }),
  };
}

test("calls go on after the last job of the one before, and what they did is added up", async () => {
  const { asked, retry } = answers(
    { retried: 5000, more: true, next_after: "b" },
    // Those of a portion that somebody else retried meanwhile end nothing.
    { retried: 0, more: true, next_after: "c" },
    { retried: 7, more: false, next_after: null },
  );
  assert.deepEqual(await retryAll(retry), { retried: 5007, more: false, left_out });
  assert.deepEqual(asked, [{}, { after: "b" }, { after: "c" }]);
});

test("a full queue ends them, and says that there is more", async () => {
  const { asked, retry } = answers(
    { retried: 5000, more: true, next_after: "b" },
    { retried: 12, more: true, next_after: null },
  );
  assert.deepEqual(await retryAll(retry), { retried: 5012, more: true, left_out });
  assert.equal(asked.length, 2);
});

test("what was left alone says why, and so does nothing at all", () => {
  assert.match(
    describeRetried({ retried: 0, more: false, left_out }),
    /^0 jobs run again\nleft out: 3 × scf_not_converged \(would fail the same way: --force/,
  );
  assert.match(
    describeRetried({ retried: 0, more: false, left_out: [] }),
    /^0 jobs run again: nothing failed/,
  );
});
