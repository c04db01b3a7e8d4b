import assert from "node:assert/strict";
import { test } from "node:test";
import { sampleText } from "./sample-text.ts";

const PATTERNS = [
  "^[0-9a-f]{64}$",
  "^[a-z0-9]+(-[a-z0-9]+)*$",
  "^[a-z_]+:[a-z_]+$",
  "^(a|bc|d\\.e)$",
  "^sha256:[0-9a-f]{64}$",
  "^[^/\\s]{2,5}$",
  "^\\d{4}-\\d{2}$",
  "^v?\\d+\\.\\d+(\\.\\d+)?$",
  "^.{3,}$",
  "^(?:x|y)[A-Z-]{2}$",
];

test("a sample is what the pattern lets through, and another turn gives another one where it can", () => {
  for (const pattern of PATTERNS) {
    const samples = Array.from({ length: 8 }, (_, turn) => sampleText(pattern, turn) ?? "");
    for (const sample of samples) assert.match(sample, new RegExp(pattern));
    assert.ok(new Set(samples).size > 1, pattern);
  }
});

test("what it can't read is undefined and no wrong text", () => {
  for (const pattern of ["^(?=a)a$", "^[[:alpha:]]+$", "\\bx", "(a", "[a"])
    assert.equal(sampleText(pattern, 0), undefined, pattern);
});
