import { columnTable, viewColumnTable } from "./columns.ts";
import { cell, code, list, markdownTable, marked, paragraph, sentence } from "./markdown.ts";
import { type Right, rightsOf } from "./policies.ts";
import type { Routine, Schema, Table, Trigger, View } from "./schema.ts";
import { bare, tidy } from "./sql.ts";

/** Where a table is described, as a link from the page that is being written. */
export type Link = (table: string) => string;

/** One table: what it is for, its columns, keys, rules, and who sees which of its rows. */
export function tablePage(schema: Schema, table: Table, link: Link): string {
  return [
    `### ${table.name}`,
    paragraph(table.about),
    columnTable(table.columns),
    list([
      ...keys(table, link),
      ...referredTo(schema, table, link),
      ...checks(table),
      ...indexes(table),
      ...partitions(table),
      ...table.triggers.map((trigger) => triggerLine(schema, trigger)),
    ]),
    access(table),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** One view: what it shows, with whose rights, and of what. */
export function viewPage(view: View): string {
  const invoker = view.options.includes("security_invoker=true");
  const readers = view.grants
    .filter(({ privilege }) => privilege === "select")
    .map(({ role }) => `\`${role}\``);
  return [
    `### ${view.name}`,
    `View. ${paragraph(view.about)}`,
    viewColumnTable(view.columns),
    `- **Rows:** ${invoker ? "those that the asker sees in the tables behind it" : "all of the tables behind it, with its owner's rights"}; readable by ${readers.join(", ") || "its owner alone"}`,
    `\`\`\`sql\n${view.definition.trim()}\n\`\`\``,
  ].join("\n\n");
}

function keys(table: Table, link: Link): string[] {
  const of = (kind: string) => table.constraints.filter((constraint) => constraint.kind === kind);
  return [
    ...of("p").map(({ columns }) => `**Primary key:** ${columns.map(code).join(", ")}`),
    ...of("u").map(({ name, columns }) => `**Unique:** ${columns.map(code).join(", ")} (${code(name)})`),
    ...of("f").map(
      ({ name, columns, target, on_delete }) =>
        `**Refers to** ${link(target ?? "")} by ${columns.map(code).join(", ")}${on_delete === null ? "" : `, on delete ${on_delete}`} (${code(name)})`,
    ),
  ];
}

function referredTo(schema: Schema, table: Table, link: Link): string[] {
  const from = schema.tables.filter((other) =>
    other.constraints.some(({ kind, target }) => kind === "f" && target === table.name),
  );
  return from.length === 0 ? [] : [`**Referred to by** ${from.map(({ name }) => link(name)).join(", ")}`];
}

function checks(table: Table): string[] {
  return table.constraints
    .filter(({ kind }) => kind === "c" || kind === "x")
    .map(
      ({ name, definition }) => `**Check** ${code(name)}: ${code(tidy(definition.replace(/^CHECK /, "")))}`,
    );
}

function indexes(table: Table): string[] {
  return table.indexes
    .filter(({ of_constraint }) => !of_constraint)
    .map(({ name, unique, definition }) => {
      const of = definition.replace(/^.*? USING (?:btree )?/, "").replaceAll(/::text(?=[,) ]|$)/g, "");
      return `**${unique ? "Unique index" : "Index"}** ${code(name)}: ${code(tidyIndex(of))}`;
    });
}

/** Columns, and conditions without the parentheses of a printer. */
function tidyIndex(text: string): string {
  const [columns = "", condition] = text.split(" WHERE ");
  return condition === undefined ? tidy(columns) : `${tidy(columns)} where ${bare(tidy(condition))}`;
}

function partitions(table: Table): string[] {
  if (table.partition_key === null) return [];
  const fixed = table.partitions.map(({ name, bound }) => `${code(name)} ${bound}`).join(", ");
  return [`**Partitions:** by ${code(table.partition_key)}; ${fixed}; others are made as they are needed`];
}

function triggerLine(schema: Schema, trigger: Trigger): string {
  const [, timing = "", events = "", each = "", condition] =
    /(BEFORE|AFTER|INSTEAD OF) (.*?) ON \S+ FOR EACH (ROW|STATEMENT)(?: WHEN \((.*)\))? EXECUTE/.exec(
      trigger.when,
    ) ?? [];
  const about = schema.routines.find(({ name }) => name === trigger.routine)?.about ?? null;
  const where = condition === undefined ? "" : `, where ${code(tidy(condition))}`;
  const when = `${timing.toLowerCase()} ${events.replaceAll(/\b(INSERT|UPDATE|DELETE|TRUNCATE|OR|OF)\b/g, (word) => word.toLowerCase())}, each ${each.toLowerCase()}`;
  return `**Trigger** ${code(trigger.name)}: ${when}${where}: ${code(`${trigger.routine}()`)}${about === null ? "" : `. ${cell(about)}`}`;
}

function access(table: Table): string {
  const people = rightsOf(table, "member");
  const machine = rightsOf(table, "system");
  const full =
    machine.length === 4 && machine.every(({ columns, rows }) => columns.length === 0 && rows === "all");
  const rows = people.map((right) => ["people", verb(right), cell(right.rows)]);
  if (!full) rows.push(...machine.map((right) => ["machinery", verb(right), cell(right.rows)]));
  const said = [
    table.row_security === "forced" ? "" : `**Row security is ${table.row_security}.**`,
    people.length === 0 ? "People have no access." : "",
    rows.length === 0 ? "" : markdownTable(["who", "may", "rows"], rows),
  ];
  return said.filter((part) => part !== "").join("\n\n");
}

function verb({ command, columns }: Right): string {
  return columns.length === 0 ? command : `${command} ${columns.map(code).join(", ")}`;
}

/** Functions of a branch: what they do, how they run, who may call them. */
export function routineTable(routines: readonly Routine[]): string {
  const rows = routines.map((routine) => {
    const runs = [routine.definer ? "as its owner" : "as the caller", routine.volatility].join(", ");
    const who = routine.kind === "trigger" ? "triggers" : routine.callers.join(", ") || "owner alone";
    const call =
      routine.kind === "trigger"
        ? `${routine.name}()`
        : `${routine.name}(${routine.arguments.replaceAll(/\bIN /g, "")})`;
    const gives =
      routine.kind === "function" && routine.returns !== null ? ` → ${code(routine.returns)}` : "";
    return [`${code(call)}${gives}`, runs, who, cell(sentence(marked(routine.about).text))];
  });
  return markdownTable(["routine", "runs", "called by", "what it does"], rows);
}
