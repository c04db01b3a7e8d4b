import assert from "node:assert/strict";
import { test } from "node:test";
import { splitStatements } from "./statements.ts";

const CASES: [what: string, text: string, statements: string[]][] = [
  ["nothing", "", []],
  ["comments alone", "-- a; b\n/* c; /* d; */ ; */\n;;", []],
  ["two and a rest", "SELECT 1; SELECT 2;\n", ["SELECT 1", "SELECT 2"]],
  ["no last semicolon", "SELECT 1;\nSELECT 2", ["SELECT 1", "SELECT 2"]],
  ["a string", "SELECT 'a;b', 'it''s; so';SELECT 2", ["SELECT 'a;b', 'it''s; so'", "SELECT 2"]],
  ["an escape string", "SELECT E'a\\';b';SELECT 2", ["SELECT E'a\\';b'", "SELECT 2"]],
  ["a quoted name", 'SELECT "a;""b";SELECT 2', ['SELECT "a;""b"', "SELECT 2"]],
  ["bodies", "DO $$ BEGIN; END $$; DO $x$ a; $$ b; $x$;", ["DO $$ BEGIN; END $$", "DO $x$ a; $$ b; $x$"]],
  ["a comment within", "SELECT 1 -- a; b\n, 2; SELECT 3", ["SELECT 1 -- a; b\n, 2", "SELECT 3"]],
];

for (const [what, text, statements] of CASES) {
  test(`statements of a text with ${what}`, () => {
    const found = splitStatements(text);
    assert.deepEqual(
      found.map((statement) => statement.text),
      statements,
    );
    for (const { text: one, offset } of found) assert.equal(text.slice(offset, offset + one.length), one);
  });
}
