import { Readable } from "node:stream";
import { stringify } from "csv-stringify/sync";
import type { TSchema } from "typebox";
import { fieldsOf, type Shape } from "./shape.ts";

export type Page = { items: unknown[]; next_cursor?: string | null };

/** Whether an answer is a page of rows, as its schema says it. */
export function isList(output: TSchema): boolean {
  return rowShape(output) !== undefined;
}

function rowShape(output: TSchema): Shape | undefined {
  const { items, next_cursor } = fieldsOf(output as Shape);
  if (items === undefined || next_cursor === undefined || Array.isArray(items.items)) return undefined;
  return items.items ?? {};
}

/** All rows of pages: the first is read already, the others when the reader of the stream is ready for them. */
export async function* pagesFrom(first: Page, next: (cursor: string) => Promise<Page>): AsyncGenerator<Page> {
  let page = first;
  while (true) {
    yield page;
    if (typeof page.next_cursor !== "string") return;
    page = await next(page.next_cursor);
  }
}

/** Rows as lines of JSON, a piece of text a page. */
export function ndjson(pages: AsyncIterable<Page>): Readable {
  return Readable.from(
    (async function* () {
      for await (const { items } of pages)
        if (items.length > 0) yield `${items.map((item) => JSON.stringify(item)).join("\n")}\n`;
    })(),
    { objectMode: false, highWaterMark: 1 },
  );
}

/** What a spreadsheet computes once it has left out what nobody sees; at the very beginning the writer knows it. */
const HIDDEN_FORMULA = /^[\s\p{C}]+[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n\0]/u;

/**
 * Rows as CSV (RFC 4180) with a head line: the columns of the schema, else those of the first page. What is no plain
 * value is JSON; text that a spreadsheet would compute is made harmless.
 */
export function csv(pages: AsyncIterable<Page>, output: TSchema): Readable {
  return Readable.from(
    (async function* () {
      let columns: string[] | undefined;
      for await (const { items } of pages) {
        const begins = columns === undefined;
        columns ??= columnsOf(output, items);
        const rows = items.map((item) => columns?.map((name) => (item as Record<string, unknown>)[name]));
        yield stringify(begins ? [columns, ...rows] : rows, {
          escape_formulas: true,
          record_delimiter: "windows",
          // Readers end a row at either half of the delimiter, and the rest would be a row of its own.
          quoted_match: /[\r\n]/,
          cast: {
            object: (value) => JSON.stringify(value),
            boolean: (value) => String(value),
            string: (value) => (HIDDEN_FORMULA.test(value) ? `'${value}` : value),
          },
        });
      }
    })(),
    { objectMode: false, highWaterMark: 1 },
  );
}

function columnsOf(output: TSchema, items: unknown[]): string[] {
  const named = Object.keys(fieldsOf(rowShape(output) ?? {}));
  if (named.length > 0) return named;
  return [...new Set(items.flatMap((item) => Object.keys(item as object)))];
}
