import { shortType } from "./diagram.ts";
import { cell, code, markdownTable, marked } from "./markdown.ts";
import type { Column } from "./schema.ts";
import { tidy } from "./sql.ts";
import { unitOf } from "./units.ts";

type Facet = { title: string; of: (column: Column) => string; always?: true };

const FACETS: readonly Facet[] = [
  { title: "column", of: ({ name }) => code(name), always: true },
  { title: "type", of: ({ type }) => shownType(type), always: true },
  { title: "unit", of: (column) => unitOf(column) ?? "" },
  { title: "null", of: ({ nullable }) => (nullable ? "yes" : "") },
  { title: "value", of: valueText },
  { title: "mark", of: ({ about }) => marked(about).mark },
  { title: "meaning", of: ({ about }) => cell(marked(about).text), always: true },
];

/** The columns of a table, without what none of them has: a unit, a mark, a default. */
export function columnTable(columns: readonly Column[]): string {
  const facets = FACETS.filter(({ of, always }) => always || columns.some((column) => of(column) !== ""));
  return markdownTable(
    facets.map(({ title }) => title),
    columns.map((column) => facets.map(({ of }) => of(column))),
  );
}

/** The columns of a view, of which PostgreSQL does not know whether they are ever null. */
export function viewColumnTable(columns: readonly Column[]): string {
  return columnTable(columns.map((column) => ({ ...column, nullable: false })));
}

function shownType(type: string): string {
  return type.startsWith("timestamp") ? shortType(type) : type;
}

function valueText({ filled, value }: Column): string {
  if (filled === "identity") return "identity";
  if (filled === null || value === null) return "";
  return filled === "generated" ? `always ${code(tidy(value))}` : code(tidy(value));
}
