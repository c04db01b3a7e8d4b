import { grouped, tellingColumns } from "./groups.ts";
import type { Column, Constraint, Schema, Table } from "./schema.ts";

/**
 * An entity-relationship diagram of some tables, as Mermaid: keys and telling columns, foreign keys as the
 * catalog has them. Tables of other groups that they refer to stand there by name alone.
 */
export function diagramOf(schema: Schema, tables: readonly Table[]): string {
  const lines = ["erDiagram"];
  for (const table of tables) lines.push(...entity(schema, table));
  for (const table of tables) {
    for (const { target, optional, keys } of relations(table)) {
      const single = keys.length === 1 && keys.every((key) => isUnique(table, key));
      const label = keys.map((key) => key.columns.join(" ")).join(", ");
      lines.push(`  ${target} ${optional ? "|o" : "||"}--${single ? "o|" : "o{"} ${table.name} : "${label}"`);
    }
  }
  return lines.join("\n");
}

/** All diagrams of a branch, in the order of its groups. */
export function diagramsOf(schema: Schema): { title: string; mermaid: string }[] {
  return grouped(schema.branch, schema.tables).map(({ title, tables }) => ({
    title,
    mermaid: diagramOf(schema, tables),
  }));
}

function entity(schema: Schema, table: Table): string[] {
  const primary = keyColumns(table, "p");
  const foreign = keyColumns(table, "f");
  const unique = new Set(table.constraints.filter(isSingleUnique).flatMap((key) => key.columns));
  const telling = tellingColumns(schema.branch, table.name);
  const shown = table.columns.filter(
    ({ name }) => primary.has(name) || foreign.has(name) || telling.includes(name),
  );
  const mark = ({ name }: Column): string => {
    const marks = [primary.has(name) && "PK", foreign.has(name) && "FK", unique.has(name) && "UK"];
    return marks.filter(Boolean).join(", ");
  };
  return [
    `  ${table.name} {`,
    ...shown.map((column) => `    ${shortType(column.type)} ${column.name} ${mark(column)}`.trimEnd()),
    "  }",
  ];
}

type Relation = { target: string; optional: boolean; keys: Constraint[] };

/** Foreign keys by the table that they refer to: two alike to one table are one line. */
function relations(table: Table): Relation[] {
  const found: Relation[] = [];
  for (const key of table.constraints) {
    if (key.kind !== "f" || key.target === null) continue;
    const { target } = key;
    const optional = isOptional(table, key);
    const same = found.find((other) => other.target === target && other.optional === optional);
    if (same === undefined) found.push({ target, optional, keys: [key] });
    else same.keys.push(key);
  }
  return found;
}

function keyColumns(table: Table, kind: Constraint["kind"]): Set<string> {
  return new Set(table.constraints.filter((key) => key.kind === kind).flatMap((key) => key.columns));
}

function isSingleUnique({ kind, columns }: Constraint): boolean {
  return kind === "u" && columns.length === 1;
}

function isOptional(table: Table, key: Constraint): boolean {
  return table.columns.some(({ name, nullable }) => nullable && key.columns.includes(name));
}

function isUnique(table: Table, key: Constraint): boolean {
  const columns = key.columns.toSorted().join();
  return table.constraints.some(
    (other) => (other.kind === "p" || other.kind === "u") && other.columns.toSorted().join() === columns,
  );
}

/** A type in one word, as Mermaid wants it. */
export function shortType(type: string): string {
  return type
    .replace("timestamp with time zone", "timestamptz")
    .replace("double precision", "float8")
    .replaceAll(/[^\w[\]]/g, "_");
}
