import type { TSchema } from "typebox";
import { EXAMPLE_ID } from "../fields.ts";
import type { SchemaObject } from "./openapi-types.ts";
import { choicesOf, fieldsOf, type Shape } from "./shape.ts";

/** A schema of ours as OpenAPI 3.1 (JSON Schema 2020-12) writes it; units and shapes become `x-unit` and `x-shape`. Pure. */
export function published(schema: TSchema | Shape): SchemaObject {
  return publish(schema as SchemaObject);
}

const LISTS = ["anyOf", "oneOf", "allOf"];

function publish(schema: SchemaObject): SchemaObject {
  const out: SchemaObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === "unit" || key === "shape") out[`x-${key}`] = value;
    else if (key === "properties") out["properties"] = mapped(value as Record<string, SchemaObject>);
    else if (key === "patternProperties") Object.assign(out, keys(value as Record<string, SchemaObject>));
    else if (key === "items") Object.assign(out, items(value as SchemaObject | SchemaObject[]));
    else if (LISTS.includes(key)) out[key] = (value as SchemaObject[]).map(publish);
    else if (key === "additionalItems" || key.startsWith("~")) continue;
    else if (key === "additionalProperties" && typeof value === "object")
      out[key] = publish(value as SchemaObject);
    else out[key] = value;
  }
  return typed(out);
}

function mapped(fields: Record<string, SchemaObject>): Record<string, SchemaObject> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, publish(field)]));
}

/** Names that are not ours to say: generators know `additionalProperties`, and hardly patterns. */
function keys(patterns: Record<string, SchemaObject>): SchemaObject {
  const [only, second] = Object.entries(patterns);
  if (only === undefined || second !== undefined || only[0] !== "^.*$")
    return { patternProperties: mapped(patterns) };
  return { additionalProperties: publish(only[1]) };
}

function items(value: SchemaObject | SchemaObject[]): SchemaObject {
  if (!Array.isArray(value)) return { items: publish(value) };
  return { prefixItems: value.map(publish), minItems: value.length, maxItems: value.length };
}

/** A closed list of words says that it is of text, for generators that look. */
function typed(schema: SchemaObject): SchemaObject {
  const words = schema["enum"];
  if (schema["type"] !== undefined || !Array.isArray(words)) return schema;
  return words.every((word) => typeof word === "string") ? { type: "string", ...schema } : schema;
}

/** An object without some of its fields, whatever it is put together from. */
export function withoutFields(schema: Shape, names: readonly string[]): Shape {
  const out: Shape = { ...schema };
  if (schema.properties !== undefined)
    out.properties = Object.fromEntries(
      Object.entries(schema.properties).filter(([name]) => !names.includes(name)),
    );
  if (schema.required !== undefined) {
    const required = schema.required.filter((name) => !names.includes(name));
    if (required.length > 0) out.required = required;
    else delete out.required;
  }
  const { examples } = schema as { examples?: object[] };
  if (examples !== undefined)
    Object.assign(out, {
      examples: examples.map((one) =>
        Object.fromEntries(Object.entries(one).filter(([name]) => !names.includes(name))),
      ),
    });
  for (const key of ["allOf", "anyOf", "oneOf"] as const)
    if (schema[key] !== undefined) out[key] = schema[key].map((part) => withoutFields(part, names));
  return out;
}

/** Fields that every value must have. */
export function requiredOf(schema: Shape): Set<string> {
  const [first, ...others] = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].map(requiredOf);
  return new Set([
    ...(schema.required ?? []),
    ...(schema.allOf ?? []).flatMap((part) => [...requiredOf(part)]),
    ...[...(first ?? [])].filter((name) => others.every((other) => other.has(name))),
  ]);
}

/** A value that the schema may have, made of the examples in it; for the reader, not for a test. Pure. */
export function exampleOf(schema: Shape & { [key: string]: unknown }): unknown {
  const { examples, default: fallback } = schema as { examples?: unknown[]; default?: unknown };
  if (examples !== undefined && examples.length > 0) return examples[0];
  if (fallback !== undefined) return fallback;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum[0];
  const [choice] = choicesOf(schema);
  if (choice !== undefined && choice !== schema) return exampleOf(choice);
  if (schema.allOf !== undefined || schema.properties !== undefined) return objectExample(schema);
  if (schema.type === "array") return arrayExample(schema);
  if (schema.type === "string") return textExample(schema as TextRules);
  if (schema.type === "integer" || schema.type === "number")
    return (schema as { minimum?: number }).minimum ?? 1;
  if (schema.type === "boolean") return true;
  if (schema.type === "null") return null;
  return {};
}

/** What must be given, and what has an example of its own. */
function objectExample(schema: Shape): unknown {
  const required = requiredOf(schema);
  return Object.fromEntries(
    Object.entries(fieldsOf(schema))
      .filter(([name, field]) => required.has(name) || "examples" in field)
      .map(([name, field]) => [name, exampleOf(field)]),
  );
}

function arrayExample(schema: Shape & { minItems?: number }): unknown[] {
  const { items: each } = schema;
  if (Array.isArray(each)) return each.map(exampleOf);
  return Array.from({ length: Math.min(3, schema.minItems ?? 1) || 1 }, () => exampleOf(each ?? {}));
}

type TextRules = { format?: string; pattern?: string; minLength?: number };

function textExample({ format, pattern, minLength = 0 }: TextRules): string {
  if (format === "date-time") return "2026-01-31T09:30:00.000Z";
  if (pattern?.includes("{8}-") === true) return EXAMPLE_ID;
  if (pattern?.includes("{64}") === true)
    return "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  return "text".padEnd(minLength, " and more of it");
}
