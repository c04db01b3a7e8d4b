import assert from "node:assert/strict";
import { test } from "node:test";
import { differencesOf } from "./difference.ts";

const paths = (here: object, there: object) =>
  differencesOf(here as never, there as never).map(({ path }) => path);

test("each leaf that differs is named by its pointer, with what each side says; what is the same is not", () => {
  assert.deepEqual(
    differencesOf({ seed: 42, box: ["1.0", "2.0"], a: null }, { seed: 43, box: ["1.0", "2.5"], a: null }),
    [
      { path: "/box/1", here: "2.0", there: "2.5" },
      { path: "/seed", here: 42, there: 43 },
    ],
  );
  assert.deepEqual(differencesOf({ a: 1 }, { a: 1 }), []);
});

test("what one side lacks differs, also where the other's is null or empty", () => {
  assert.deepEqual(differencesOf({ a: null, b: 1 }, { b: 1 }), [
    { path: "/a", here: null, there: undefined },
  ]);
  assert.deepEqual(paths({ a: [] }, { a: {} }), ["/a"]);
  assert.deepEqual(paths({ a: [] }, { a: [1] }), ["/a", "/a/0"]);
  assert.deepEqual(paths({ a: "1" }, { a: 1 }), ["/a"]);
});

test("program and subject come before parameters; arguments are told only where nothing else differs", () => {
  assert.deepEqual(
    paths(
      {
        accuracy: "1",
        program: { version: "6.5.1" },
        subject: { molecule_id: "a" },
        arguments: ["--acc", "1"],
      },
      {
        accuracy: "2",
        program: { version: "6.7.0" },
        subject: { molecule_id: "b" },
        arguments: ["--acc", "2"],
      },
    ),
    ["/program/version", "/subject/molecule_id", "/accuracy"],
  );
  assert.deepEqual(paths({ a: 1, arguments: ["--x"] }, { a: 1, arguments: [] }), [
    "/arguments",
    "/arguments/0",
  ]);
});

test("a pointer is escaped as RFC 6901 says", () => {
  assert.deepEqual(paths({ "a/b~c": 1 }, { "a/b~c": 2 }), ["/a~1b~0c"]);
});
