import { type Html, html, prose } from "./html.ts";
import { requiredOf } from "./openapi-schema.ts";
import type { SchemaObject } from "./openapi-types.ts";
import { choicesOf, fieldsOf, type Shape } from "./shape.ts";

/** Deeper than this a reader looks into the document itself. */
const DEEPEST = 4;

export type FieldRow = {
  path: string;
  type: string;
  unit: string;
  rule: string;
  about: string;
  required: boolean;
};

/** Every field of an object, the inner ones as `outer.inner` and `list[].inner`. Pure. */
export function fieldRows(schema: SchemaObject, before = "", depth = 0): FieldRow[] {
  const required = requiredOf(schema as Shape);
  return Object.entries(fieldsOf(schema as Shape)).flatMap(([name, shape]) => {
    const field = shape as SchemaObject;
    const path = `${before}${name}`;
    const row = { path, ...rowOf(field), required: required.has(name) };
    return [row, ...innerRows(field, path, depth)];
  });
}

function innerRows(field: SchemaObject, path: string, depth: number): FieldRow[] {
  if (depth >= DEEPEST) return [];
  return choicesOf(field as Shape).flatMap((choice) => {
    const { items } = choice;
    if (items !== undefined && !Array.isArray(items))
      return fieldRows(items as SchemaObject, `${path}[].`, depth + 1);
    return fieldRows(choice as SchemaObject, `${path}.`, depth + 1);
  });
}

/** What is to be said of one value. */
export function rowOf(field: SchemaObject): Omit<FieldRow, "path" | "required"> {
  const about = field["description"];
  return {
    type: typeText(field as Shape),
    unit: unitOf(field),
    rule: ruleText(field),
    about: typeof about === "string" ? about : "",
  };
}

function typeText(shape: Shape): string {
  const names = choicesOf(shape).map((choice) => {
    const { type, items, enum: words, allOf } = choice as Shape & SchemaObject;
    if (type === "array")
      return `list of ${Array.isArray(items) || items === undefined ? "values" : typeText(items)}`;
    if (words !== undefined) return isLong(words) ? "a word" : quoted(words).join(" | ");
    if (type === undefined) return allOf === undefined ? "any" : "object";
    return String(choice.const === undefined ? type : JSON.stringify(choice.const));
  });
  return [...new Set(names)].join(" | ");
}

/** A few words stand where the type does, more of them beside what it is. */
function isLong(words: unknown): boolean {
  return (words as unknown[]).length > 3;
}

function quoted(words: unknown): string[] {
  return (words as unknown[]).map((word) => JSON.stringify(word));
}

/** Of the value, or of what it is a list of; a pure number has none. */
function unitOf(field: SchemaObject): string {
  for (const choice of choicesOf(field as Shape)) {
    const own = (choice as SchemaObject)["x-unit"];
    if (typeof own === "string") return own === "1" ? "" : own;
    const { items } = choice;
    if (items === undefined || Array.isArray(items)) continue;
    const inner = unitOf(items as SchemaObject);
    if (inner !== "") return inner;
  }
  return "";
}

function ruleText(field: SchemaObject): string {
  const rules = choicesOf(field as Shape).flatMap((choice) => {
    const each = choice as Record<string, unknown>;
    const shape = each["x-shape"];
    return [
      span(each["minimum"], each["maximum"], ""),
      span(each["minLength"], each["maxLength"], " characters"),
      span(each["minItems"], each["maxItems"], " entries"),
      each["enum"] !== undefined && isLong(each["enum"]) ? quoted(each["enum"]).join(", ") : "",
      typeof shape === "string" ? `shape ${shape}` : "",
      typeof each["format"] === "string" ? each["format"] : "",
    ];
  });
  return [...new Set(rules.filter((rule) => rule !== ""))].join(", ");
}

function span(least: unknown, mostOfAll: unknown, what: string): string {
  const most = mostOfAll === Number.MAX_SAFE_INTEGER ? undefined : mostOfAll;
  if (least === undefined && most === undefined) return "";
  if (least === most) return `${least}${what}`;
  if (least === undefined) return `at most ${most}${what}`;
  return most === undefined ? `at least ${least}${what}` : `${least} to ${most}${what}`;
}

/** The rows as a table, with what must be given marked; undefined where there are none. */
export function fieldTable(title: string, rows: FieldRow[], marks = true): Html | undefined {
  if (rows.length === 0) return undefined;
  return html`<h4>${title}</h4>
<div class="wide"><table><thead><tr><th>field</th><th>type</th><th>unit</th><th>what it is</th></tr></thead><tbody>
${rows.map(
  ({
    path,
    type,
    unit,
    rule,
    about,
    required,
  }) => html`<tr><td><code>${path}</code>${marks && required && html` <b title="required">*</b>`}</td><td class="type">${type}</td><td>${unit}</td><td>${prose(about)}${rule !== "" && html` <small>${rule}</small>`}</td></tr>
`,
)}</tbody></table></div>
`;
}
