import assert from "node:assert/strict";
import { test } from "node:test";
import { SHELL_TYPES } from "./values.ts";

const [BOOL, INT8, FLOAT8, NUMERIC, JSONB, TIMESTAMPTZ] = [16, 20, 701, 1700, 3802, 1184];

test("a value keeps its type where JSON can hold it, and is the server's text where it can't", () => {
  const values: [number, string, unknown][] = [
    [BOOL, "t", true],
    [BOOL, "f", false],
    [INT8, "9007199254740991", 9007199254740991],
    [INT8, "9223372036854775807", "9223372036854775807"],
    [INT8, "-5", -5],
    [FLOAT8, "0.1", 0.1],
    [FLOAT8, "1e-300", 1e-300],
    [FLOAT8, "-0", -0],
    [FLOAT8, "NaN", "NaN"],
    [FLOAT8, "-Infinity", "-Infinity"],
    [FLOAT8, "0.30000000000000004", 0.30000000000000004],
    [NUMERIC, "1.50", 1.5],
    [NUMERIC, "0.1000000000000000000001", "0.1000000000000000000001"],
    [NUMERIC, "12345678901234567890", "12345678901234567890"],
    [JSONB, '{"a": [1, null, "1234567890123456789"]}', { a: [1, null, "1234567890123456789"] }],
    [JSONB, '{"a": 12345678901234567890}', '{"a": 12345678901234567890}'],
    [TIMESTAMPTZ, "2026-01-02 03:04:05.678901+00", "2026-01-02T03:04:05.678901Z"],
    [TIMESTAMPTZ, "infinity", "infinity"],
    [1082, "2026-01-02", "2026-01-02"],
    [17, "\\xdeadbeef", "\\xdeadbeef"],
    [1009, '{a,NULL,"NULL","b,c"}', ["a", null, "NULL", "b,c"]],
    [
      1022,
      "{{1.5,NaN},{3,NULL}}",
      [
        [1.5, "NaN"],
        [3, null],
      ],
    ],
    [1016, "{1,9223372036854775807}", [1, "9223372036854775807"]],
    [600, "(1,2)", "(1,2)"],
  ];
  for (const [type, text, value] of values) {
    const read = SHELL_TYPES.getTypeParser(type, "text") as (text: string) => unknown;
    assert.deepEqual(read(text), value, `${type} ${text}`);
  }
});
