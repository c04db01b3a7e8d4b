import assert from "node:assert/strict";
import { test } from "node:test";
import { isTest, readSource, sourceFiles } from "./sources.ts";

const MOST = 500;
const LOOK_AT = 300;

/** Lines of a text, a last one without its line feed counted too. */
function linesOf(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

test(`no source file has more than ${MOST} lines; files above ${LOOK_AT} are listed`, (t) => {
  const files = ["src", "test", "bench", "scripts"].flatMap(sourceFiles);
  const sizes = files.map((path) => ({ path, lines: linesOf(readSource(path)) }));
  const sources = sizes.filter(({ path }) => !isTest(path));
  assert.ok(sources.length > 100, "the files were not found");
  for (const { path, lines } of sizes.filter(({ lines }) => lines > LOOK_AT))
    t.diagnostic(`${path} has ${lines} lines`);
  assert.deepEqual(
    sources.filter(({ lines }) => lines > MOST),
    [],
  );
  const sorted = sources.map(({ lines }) => lines).sort((a, b) => a - b);
  t.diagnostic(`median: ${sorted[Math.floor(sorted.length / 2)]} lines`);
});
