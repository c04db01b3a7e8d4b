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
  format: "smiles" as "smiles" | "molblock",
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

test("large molecules travel alone, so that others have their turn between them, and each with its asker's turn", async () => {
  const asked: [number, unknown][] = [];
  const turn = { turn: "a" };
  const threads = {
    ask: async (request: IdentityRequest, _seconds: number, given: unknown) => {
      if (request.kind !== "identify") assert.fail("not asked for");
      asked.push([request.inputs.length, given]);
      return {
        kind: "identified" as const,
        results: request.inputs.map(({ text }) => reject("bad_input", text)),
      };
    },
  };
  const ofSize = (format: "smiles" | "molblock", length: number, many: number) =>
    Array.from({ length: many }, () => {
      const text = format === "smiles" ? "C".padEnd(length, "=") : "\n\n\nM  END".padEnd(length);
      return { text, format };
    });
  const sizesOf = async (given: typeof inputs) => {
    asked.length = 0;
    assert.equal((await identifyAll(threads, given, turn)).length, given.length);
    assert.ok(asked.every(([, whose]) => whose === turn));
    return asked.map(([size]) => size);
  };
  assert.deepEqual(await sizesOf(ofSize("smiles", 750, 3)), [1, 1, 1]);
  assert.deepEqual(await sizesOf(ofSize("smiles", 50, 100)), [48, 48, 4]);
  assert.deepEqual(await sizesOf(ofSize("molblock", 2500, 100)), [48, 48, 4]);
  assert.deepEqual(await sizesOf(ofSize("smiles", 5, 450)), [200, 200, 50]);
  assert.deepEqual(await sizesOf([]), []);
});
