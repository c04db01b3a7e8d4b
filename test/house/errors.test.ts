import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CHEMISTRY_CODES, ERROR_KINDS } from "../../src/errors.ts";

const PAGE = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");

/** Rows of the table under a heading: cells without their blanks, the name without its backticks. */
function tableUnder(heading: string): string[][] {
  const section = PAGE.split(/^## /m).find((part) => part.startsWith(heading)) ?? "";
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  return rows.map((row) =>
    row
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("`", "")),
  );
}

test("docs/errors.md lists every kind with its HTTP status, exit code and fate of the task, and no other", () => {
  const documented = tableUnder("Kinds").map(([kind, http, exit, task]) => [kind, http, exit, task]);
  const real = Object.entries(ERROR_KINDS).map(([kind, { http, exit, retry }]) => [
    kind,
    String(http),
    String(exit),
    retry,
  ]);
  assert.deepEqual(documented, real);
});

test("docs/errors.md lists every chemist's code, and no other", () => {
  assert.deepEqual(
    tableUnder("A chemist's codes").map(([code]) => code),
    [...CHEMISTRY_CODES],
  );
});

test("every row of docs/errors.md says something in each column", () => {
  const rows = [...tableUnder("Kinds"), ...tableUnder("A chemist's codes")];
  assert.ok(rows.length > 0);
  for (const row of rows) assert.ok(!row.includes(""), `an empty cell beside ${row[0]}`);
});
