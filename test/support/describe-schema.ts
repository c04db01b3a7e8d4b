import type { ServerAddress } from "../../src/db/address.ts";
import { withClient } from "../../src/db/connect.ts";
import { rolesOf } from "../../src/db/roles.ts";
import type { Column, Grant, Policy, Routine, Table, Things, View } from "../../src/docs/schema.ts";
import { selectThings } from "../../src/docs/store.ts";
import { sha256 } from "../../src/ids.ts";

/**
 * A database's schema as text in which a loosened rule shows as a changed line: tables with columns,
 * constraints, who refers to them, indexes, partitions, policies, triggers and grants; views with whose
 * rights they have; then routines with how they run, who may call them and a hash of their text.
 */
export async function describeSchema(superuser: ServerAddress, database: string): Promise<string> {
  const schema = await withClient({ ...superuser, database }, "aliquot tests", (client) =>
    selectThings(client, rolesOf("aliquot_")),
  );
  const things = [
    ...schema.tables.map((table) => describeTable(schema, table)),
    ...schema.views.map(describeView),
    ...schema.routines.map(describeRoutine),
  ];
  return `${things.join("\n\n")}\n`;
}

function describeTable(schema: Things, table: Table): string {
  const referring = schema.tables.flatMap((other) =>
    other.constraints
      .filter(({ kind, target }) => kind === "f" && target === table.name)
      .map(({ definition }) => `${other.name}: ${definition}`),
  );
  return [
    `table ${table.name}: ${table.about ?? "NO COMMENT"}`,
    `  row security: ${table.row_security === "none" ? "NONE" : table.row_security}`,
    ...(table.partition_key === null ? [] : [`  partitioned by ${table.partition_key}`]),
    ...section("columns", table.columns.map(columnLine)),
    ...section(
      "constraints",
      table.constraints.map(({ name, definition }) => `${name}: ${definition}`),
    ),
    ...section("referenced by", referring),
    ...section(
      "indexes",
      table.indexes.map(({ definition }) => definition),
    ),
    ...section(
      "partitions",
      table.partitions.map(({ name, bound }) => `${name} ${bound}`),
    ),
    ...section("policies", table.policies.map(policyLine)),
    ...section(
      "triggers",
      table.triggers.map(({ when }) => when),
    ),
    ...section("grants", table.grants.map(grantLine)),
  ].join("\n");
}

function describeView(view: View): string {
  return [
    `view ${view.name}: ${view.about ?? "NO COMMENT"}`,
    `  options: ${view.options.join(", ") || "NONE"}`,
    ...section("columns", view.columns.map(columnLine)),
    ...section("text", [view.definition]),
    ...section("grants", view.grants.map(grantLine)),
  ].join("\n");
}

function describeRoutine(routine: Routine): string {
  const runs = routine.definer ? "security definer" : "security invoker";
  return [
    `${routine.kind} ${routine.name}(${routine.arguments}): ${routine.about ?? "NO COMMENT"}`,
    `  ${routine.volatility}, ${runs}; called by ${routine.callers.join(", ") || "owner alone"}`,
    ...(routine.returns === null ? [] : [`  returns ${routine.returns}`]),
    ...(routine.settings.length === 0 ? [] : [`  ${routine.settings.join("; ")}`]),
    `  text ${sha256(routine.body).slice(0, 16)}`,
  ].join("\n");
}

function columnLine({ name, type, nullable, filled, value }: Column): string {
  const expression = filled === null ? "" : ` ${filled}${value === null ? "" : ` ${value}`}`;
  return `${name} ${type}${nullable ? "" : " not null"}${expression}`;
}

function policyLine({ name, command, roles, permissive, using, check }: Policy): string {
  const kind = permissive ? "" : "restrictive, ";
  const rows = using === null ? "" : ` using ${using}`;
  return `${name}: ${kind}${command} to ${roles.join(", ")}${rows}${check === null ? "" : ` with check ${check}`}`;
}

function grantLine({ role, privilege, columns }: Grant): string {
  return `${role}: ${privilege}${columns.length === 0 ? "" : ` (${columns.join(", ")})`}`;
}

function section(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : [`  ${title}:`, ...lines.map((line) => `    ${oneLine(line)}`)];
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim();
}
