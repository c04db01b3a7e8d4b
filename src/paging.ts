import { createHash } from "node:crypto";
import { type Static, type TSchema, Type } from "typebox";
import { AppError } from "./errors.ts";
import { closed, integer, text } from "./fields.ts";
import { isUuid } from "./ids.ts";

/** A page of a list: how many, and after which. */
export const PageInput = closed({
  limit: Type.Optional(
    integer(
      "1",
      "Most entries of the page; 50 where left out. As CSV or NDJSON: that page alone; all rows where left out.",
      { minimum: 1, maximum: 1000 },
    ),
  ),
  cursor: Type.Optional(
    text("`next_cursor` of an earlier page, to go on after it; the first page where left out.", {
      maxLength: 500,
    }),
  ),
});

/** The place after a row, as an opaque text. */
function encodeCursor(at: string, id: string): string {
  return Buffer.from(JSON.stringify([at, id])).toString("base64url");
}

/** What stands in a cursor: a time, or a number where a list is ordered by one. */
export type PlaceKind = "time" | "number";

/** As the database and we write it: Date.parse alone takes -7.3 for a day in July 2001. */
function isPlace(at: string, kind: PlaceKind): boolean {
  if (kind === "time") return /^\d{4}-\d\d-\d\dT/.test(at) && !Number.isNaN(Date.parse(at));
  return Number.isFinite(Number(at)) && String(Number(at)) === at;
}

/** Throws AppError bad_input on a cursor that we did not make. */
function decodeCursor(cursor: string | undefined, kind: PlaceKind): { at: string; id: string } | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [at, id] = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")) as unknown[];
    if (typeof at === "string" && typeof id === "string" && isUuid(id) && isPlace(at, kind))
      return { at, id };
  } catch {
    // falls through to the one answer below
  }
  throw notOurs("this cursor is not one that a list gave: start again without it");
}

function notOurs(rule: string): AppError {
  return new AppError("bad_input", rule, { fields: [{ path: "/cursor", rule }] });
}

/** Which list of what a cursor is of: the same for every page of one question. No secret, and no proof. */
export function cursorMark(operation: string, asked: object): string {
  const { limit: _limit, cursor: _cursor, ...filters } = asked as { limit?: unknown; cursor?: unknown };
  const said = Object.entries(filters).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([operation, said]))
    .digest("base64url")
    .slice(0, 10);
}

type Asked = { name: string; input: TSchema };

/** Whether a list's cursors are made here: items of a batch go on after a number that people may say. */
export function isPaged({ input }: Asked): boolean {
  return (input as { properties?: { cursor?: unknown } }).properties?.cursor === PageInput.properties.cursor;
}

/**
 * A question with the place that its cursor says. Throws AppError bad_input on the cursor of another list, or of other
 * filters: it would give a page that looks like the end, or begins in the middle.
 */
export function openCursor<I>(operation: Asked, asked: I): I {
  const { cursor } = (asked ?? {}) as { cursor?: unknown };
  if (typeof cursor !== "string" || !isPaged(operation)) return asked;
  const [, mark, place] = /^([^.]*)\.(.*)$/.exec(cursor) ?? [];
  if (place !== undefined && mark !== cursorMark(operation.name, asked as object))
    throw notOurs(
      "this cursor is of another list or of other filters: ask as before, or start again without it",
    );
  return { ...asked, cursor: place ?? "" };
}

/** An answer whose cursor says which question it goes on with. */
export function markCursor<A>(operation: Asked, asked: unknown, answer: A): A {
  const { next_cursor } = (answer ?? {}) as { next_cursor?: unknown };
  if (typeof next_cursor !== "string" || !isPaged(operation)) return answer;
  return { ...answer, next_cursor: `${cursorMark(operation.name, (asked ?? {}) as object)}.${next_cursor}` };
}

/** A page as a store reads it: one row more than asked for shows whether there is another page. */
export type PageWish = { limit: number; before?: { at: string; id: string } };

/** The wish of an input; 50 rows unless it says otherwise. Throws AppError bad_input on a foreign cursor. */
export function pageWish(
  input: Static<typeof PageInput>,
  { fallback = 50, kind = "time" as PlaceKind } = {},
): PageWish {
  const before = decodeCursor(input.cursor, kind);
  return { limit: (input.limit ?? fallback) + 1, ...(before === undefined ? {} : { before }) };
}

/** Rows as a page: without the one too many, and with the cursor after the last one where there was one. */
export function pageOf<T>(
  wish: PageWish,
  rows: T[],
  placeOf: (row: T) => { at: string; id: string },
): { items: T[]; next_cursor: string | null } {
  const items = rows.slice(0, wish.limit - 1);
  const last = items.at(-1);
  if (rows.length < wish.limit || last === undefined) return { items, next_cursor: null };
  const { at, id } = placeOf(last);
  return { items, next_cursor: encodeCursor(at, id) };
}
