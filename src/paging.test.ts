import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AppError } from "./errors.ts";
import { OPERATIONS } from "./features.ts";
import { newId } from "./ids.ts";
import type { Operation } from "./operation.ts";
import { isPaged, markCursor, openCursor, PageInput, type PlaceKind, pageOf, pageWish } from "./paging.ts";

type Row = { at: string; id: string };
const rows = (count: number, at: (n: number) => string): Row[] =>
  Array.from({ length: count }, (_, n) => ({ at: at(n), id: newId() }));
const self = (row: Row) => row;

/** The cursor that a list gives after its first row. */
function cursorAfter(at: string): string {
  const { next_cursor } = pageOf(
    { limit: 2 },
    rows(2, () => at),
    self,
  );
  assert.ok(next_cursor !== null);
  return next_cursor;
}

const TIME = "2026-11-05T10:11:12.123456Z";

test("a page asks for one row more than it shows, and the last page has no cursor", () => {
  assert.deepEqual(pageWish({}), { limit: 51 });
  assert.deepEqual(pageWish({ limit: 3 }), { limit: 4 });
  assert.deepEqual(pageWish({}, { fallback: 1000 }), { limit: 1001 });
  const three = rows(3, () => TIME);
  assert.deepEqual(pageOf({ limit: 4 }, three, self), { items: three, next_cursor: null });
  const page = pageOf({ limit: 3 }, three, self);
  assert.deepEqual(page.items, three.slice(0, 2));
  assert.deepEqual(pageWish({ cursor: page.next_cursor ?? "" }).before, three[1]);
  assert.deepEqual(pageOf({ limit: 3 }, [], self), { items: [], next_cursor: null });
});

test("a number comes back from a cursor as the same number", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const cursor = cursorAfter(String(value));
      const at = pageWish({ cursor }, { kind: "number" }).before?.at ?? "";
      return Number(at) === value;
    }),
  );
});

test("a cursor of a list in another order is refused: a time is no number and a number no time", () => {
  const refused = (cursor: string, kind: PlaceKind) =>
    assert.throws(() => pageWish({ cursor }, { kind }), { kind: "bad_input" }, `${cursor} as ${kind}`);
  refused(cursorAfter(TIME), "number");
  // Date.parse takes most of these: -7.3 is a day in July 2001 to it.
  for (const number of ["-7.3", "-5", "0", "-12.345", "7", "2026"]) refused(cursorAfter(number), "time");
  assert.equal(pageWish({ cursor: cursorAfter("-7.3") }, { kind: "number" }).before?.at, "-7.3");
  assert.equal(pageWish({ cursor: cursorAfter(TIME) }).before?.at, TIME);
});

test("a number that no list could have given is refused", () => {
  for (const text of [
    "",
    " ",
    "NaN",
    "Infinity",
    "-Infinity",
    "1,5",
    "1; DROP",
    "null",
    "0x10",
    "0b1",
    " -7",
  ])
    assert.throws(
      () => pageWish({ cursor: cursorAfter(text) }, { kind: "number" }),
      { kind: "bad_input" },
      text,
    );
  for (const value of [[-7.3, newId()], ["-7.3", "no id"], ["-7.3"], "-7.3", null]) {
    const cursor = Buffer.from(JSON.stringify(value)).toString("base64url");
    assert.throws(
      () => pageWish({ cursor }, { kind: "number" }),
      { kind: "bad_input" },
      JSON.stringify(value),
    );
  }
});

const list = (name: string) => ({ name, input: PageInput });

test("a cursor goes on with the question that it is of, whatever the page, and with no other", () => {
  const asked = { tag: "amide", name: "A" };
  const { next_cursor } = markCursor(list("molecule.list"), asked, { next_cursor: cursorAfter(TIME) });
  const again = { limit: 7, name: "A", tag: "amide", cursor: next_cursor };
  assert.equal(pageWish(openCursor(list("molecule.list"), again)).before?.at, TIME);
  for (const [operation, other] of [
    ["job.list", asked],
    ["molecule.list", { tag: "amide" }],
    ["molecule.list", { ...asked, name: "B" }],
  ] as const)
    assert.throws(
      () => openCursor(list(operation), { ...other, cursor: next_cursor }),
      (error: AppError) => error.kind === "bad_input" && error.fields[0]?.path === "/cursor",
    );
  const bare = { cursor: cursorAfter(TIME) };
  assert.throws(() => pageWish(openCursor(list("job.list"), bare)), { kind: "bad_input" });
  assert.deepEqual(markCursor(list("job.list"), {}, { next_cursor: null }), { next_cursor: null });
});

test("every list that takes a cursor is one of these, but the items of a batch", () => {
  const taking = (OPERATIONS as unknown as Operation[]).filter((one) =>
    Object.hasOwn((one.input as { properties?: object }).properties ?? {}, "cursor"),
  );
  assert.deepEqual(
    taking.filter((one) => !isPaged(one)).map(({ name }) => name),
    ["batch.items"],
  );
  assert.ok(taking.length > 10);
});
