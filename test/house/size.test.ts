import assert from "node:assert/strict";
import { test } from "node:test";
import { isTest, readSource, sourceFiles } from "./sources.ts";

const MOST = 500;
const LOOK_AT = 300;

/** Lines of a text, a last one without its line feed counted too. */
function linesOf(text: string): number {
  return text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
}

test(`no file has more than ${MOST} lines; those above ${LOOK_AT} are listed`, (t) => {
  const files = ["src", "test", "bench", "scripts"].flatMap(sourceFiles);
  assert.ok(files.length > 100, "the files were not found");
  const sizes = files.map((path) => ({ path, lines: linesOf(readSource(path)) }));
  for (const { path, lines } of sizes.filter(({ lines }) => lines > LOOK_AT))
    t.diagnostic(`${path} has ${lines} lines`);
  assert.deepEqual(
    sizes.filter(({ lines }) => lines > MOST),
    [],
  );
  const own = sizes.filter(({ path }) => path.startsWith("src/") && !isTest(path)).map(({ lines }) => lines);
  t.diagnostic(`median of src without tests: ${own.sort((a, b) => a - b)[Math.floor(own.length / 2)]} lines`);
});
