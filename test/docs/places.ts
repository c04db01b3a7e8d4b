import type { Branch } from "../../src/db/migrations.ts";
import type { Schema, Table, View } from "../../src/docs/schema.ts";

type Found = { schema: Schema; table?: Table; view?: View };

/** Looks up what a document says of the schema: `branch.table.column`, `index branch.name`, … */
export class Places {
  readonly #schemas: readonly Schema[];

  constructor(schemas: readonly Schema[]) {
    this.#schemas = schemas;
  }

  /** Whether there is such a place in the migrated schema. */
  exists(place: string): boolean {
    const word = /^word (\w+) in (constraint .*)$/.exec(place);
    if (word !== null) return this.#definition(word[2] ?? "")?.includes(`'${word[1]}'`) === true;
    const [kind, name] = place.includes(" ") ? (place.split(" ") as [string, string]) : ["", place];
    const [branch = "", first = "", second] = name.split(".");
    const schema = this.#schemas.find((one) => one.branch === (branch as Branch));
    if (schema === undefined) return false;
    const table = schema.tables.find((one) => one.name === first);
    const view = schema.views.find((one) => one.name === first);
    const found: Found = { schema, ...(table && { table }), ...(view && { view }) };
    const look = LOOKS[kind];
    return look?.(found, first, second) === true;
  }

  #definition(place: string): string | undefined {
    const [branch, table, name] = place.replace("constraint ", "").split(".");
    return this.#schemas
      .find((schema) => schema.branch === branch)
      ?.tables.find((one) => one.name === table)
      ?.constraints.find((constraint) => constraint.name === name)?.definition;
  }
}

type Look = (found: Found, first: string, second: string | undefined) => boolean;

const has = (things: readonly { name: string }[] | undefined, name: string | undefined): boolean =>
  things?.some((thing) => thing.name === name) === true;

const LOOKS: Record<string, Look> = {
  "": ({ table, view }, _, column) =>
    column === undefined ? (table ?? view) !== undefined : has((table ?? view)?.columns, column),
  index: ({ schema }, name, more) =>
    more === undefined && schema.tables.some((table) => has(table.indexes, name)),
  constraint: ({ table }, _, name) => has(table?.constraints, name),
  policy: ({ table }, _, name) => has(table?.policies, name),
  trigger: ({ table }, _, name) => has(table?.triggers, name),
  function: ({ schema }, name) => name.endsWith("()") && has(schema.routines, name.slice(0, -2)),
  partitioned: ({ table }) => table !== undefined && table.partition_key !== null,
  forced: ({ table }) => table?.row_security === "forced",
  PII: (found, _, column) => aboutOf(found, column).startsWith("PII: "),
  Confidential: (found, _, column) => aboutOf(found, column).startsWith("Confidential: "),
};

function aboutOf({ table }: Found, column: string | undefined): string {
  const thing = column === undefined ? table : table?.columns.find(({ name }) => name === column);
  return thing?.about ?? "";
}
