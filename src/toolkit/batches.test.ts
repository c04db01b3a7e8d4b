import assert from "node:assert/strict";
import { test } from "node:test";
import { identifyAll } from "./batches.ts";
import type { IdentityRequest } from "./identities.ts";
import { ThreadFailure } from "./pool.ts";
import { reject } from "./text.ts";

/** Threads that fail on every message with one of these records in it; the rest is answered by its text. */
function threadsThatFailOn(culprits: string[], timedOut: boolean) {
  const sizes: number[] = [];
  const ask = async (request: IdentityRequest) => {
    if (request.kind !== "identify") assert.fail("not asked for");
    sizes.push(request.inputs.length);
    if (request.inputs.some(({ text }) => culprits.includes(text))) throw new ThreadFailure("gone", timedOut);
    return {
      kind: "identified" as const,
      results: request.inputs.map(({ text }) => reject("bad_input", text)),
    };
  };
  return { ask, sizes };
}

const inputs = Array.from({ length: 450 }, (_, index) => ({
  text: "C".repeat(index % 300),
  format: "smiles" as const,
}));

for (const timedOut of [true, false])
  test(`a thread that ${timedOut ? "hangs" : "dies"} costs the record at fault only, in order`, async () => {
    const culprit = "C".repeat(250);
    const threads = threadsThatFailOn([culprit], timedOut);
    const results = await identifyAll(threads, inputs);
    assert.equal(results.length, inputs.length);
    for (const [index, { text }] of inputs.entries()) {
      const result = results[index];
      assert.ok(result && !result.ok);
      if (text === "") assert.equal(result.code, "bad_input");
      else if (text === culprit)
        assert.deepEqual([result.code, /^the toolkit/.test(result.message)], ["too_large", true]);
      else assert.equal(result.message, text);
    }
    assert.ok(Math.max(...threads.sizes) <= 200);
  });
