import type { TSchema } from "typebox";
import { closestName } from "./edit-distance.ts";
import type { FieldError } from "./errors.ts";
import { UUID_PATTERN } from "./jobs/schema.ts";
import { NAME_PATTERN } from "./orgs/schema.ts";
import { ONE_LINE_PATTERN } from "./sites/schema.ts";
import { WORDS_PATTERN } from "./words.ts";

/** What the validator says of one place in an input. */
export type Complaint = {
  keyword: string;
  schemaPath: string;
  instancePath: string;
  params: object;
  message: string;
};

const MOST_FIELDS = 20;
const MOST_SAID = 3;
const MOST_CHOICES = 40;
const FEW_NAMES = 12;

/** What a broken pattern means, where no example says it as well. */
const PATTERN_RULES = new Map<unknown, string>([
  [UUID_PATTERN, "must be an id such as 01a1fe1e-adee-71d3-b047-cb8dccb58f15"],
  [WORDS_PATTERN, "must be one line, without control characters or ones that nobody sees"],
  [NAME_PATTERN, "must be one line, which neither begins nor ends with a blank"],
  [ONE_LINE_PATTERN, "must be one line, and more than blanks"],
]);

/**
 * What is wrong with an input, field by field and in words that say what to do: a missing field stands at its own
 * path, an unknown one beside the name that was likely meant, a closed list with what may be chosen.
 */
export function fieldErrors(schema: TSchema, complaints: Iterable<Complaint>): FieldError[] {
  const all = [...complaints];
  const unions = new Set(
    all.flatMap(({ keyword, instancePath }) => (keyword === "anyOf" ? [instancePath] : [])),
  );
  const fields: FieldError[] = [];
  for (const one of all) {
    // Said once already, by the field that is too many or the union that nothing fits.
    if (one.keyword === "additionalProperties" || one.keyword === "anyOf") continue;
    if (one.keyword === "required") fields.push(...missing(one));
    else if (unions.has(one.instancePath) && one.keyword === "type") addChoice(fields, one);
    else fields.push({ path: one.instancePath === "" ? "/" : one.instancePath, rule: ruleOf(schema, one) });
  }
  return fields.slice(0, MOST_FIELDS);
}

/** The first of them as one line. */
export function inWords(operation: string, fields: FieldError[]): string {
  const said = fields.slice(0, MOST_SAID).map(({ path = "/", rule }) => {
    const name = path === "/" ? operation : path.slice(1).replaceAll("/", ".");
    return `${name} ${rule}`;
  });
  return said.length === 0 ? `${operation} is not as expected` : said.join("; ");
}

type Shape = {
  properties?: Record<string, Shape>;
  additionalProperties?: unknown;
  items?: Shape;
  maxItems?: number;
};

/**
 * What is far too much of an input: more unknown fields than are worth a word, or a list that is longer than it may be.
 * Asked before the validator is asked for its reasons, which takes a second for some ten thousand of them.
 */
export function excessOf(schema: TSchema, value: unknown, path = ""): FieldError[] {
  const shape = schema as Shape;
  if (Array.isArray(value)) {
    if (value.length > (shape.maxItems ?? Infinity))
      return [{ path: path || "/", rule: `must not have more than ${shape.maxItems} items` }];
    return firstExcess(value.entries(), () => shape.items, path);
  }
  if (typeof value !== "object" || value === null || shape.properties === undefined) return [];
  const known = shape.properties;
  if (shape.additionalProperties === false) {
    const unknown: FieldError[] = [];
    for (const name in value) {
      if (Object.hasOwn(known, name)) continue;
      unknown.push({ path: `${path}/${name.slice(0, 100)}`, rule: "is not known here" });
      if (unknown.length >= MOST_FIELDS) return unknown;
    }
  }
  const given = Object.entries(known).map(([name]): [string, unknown] => [
    name,
    (value as Record<string, unknown>)[name],
  ]);
  return firstExcess(given.values(), (name) => known[name], path);
}

function firstExcess<K extends string | number>(
  parts: IteratorObject<[K, unknown]>,
  shapeOf: (name: K) => Shape | undefined,
  path: string,
): FieldError[] {
  for (const [name, part] of parts) {
    const shape = shapeOf(name);
    const found = shape === undefined ? [] : excessOf(shape as TSchema, part, `${path}/${name}`);
    if (found.length > 0) return found;
  }
  return [];
}

function missing({ instancePath, params }: Complaint): FieldError[] {
  const { requiredProperties = [] } = params as { requiredProperties?: string[] };
  return requiredProperties.map((name) => ({ path: `${instancePath}/${name}`, rule: "is missing" }));
}

/** `must be string` and `must be null` of one field are one rule. */
function addChoice(fields: FieldError[], { instancePath, message }: Complaint): void {
  const last = fields.find(({ path, rule }) => path === instancePath && rule.startsWith("must be "));
  if (last === undefined) fields.push({ path: instancePath, rule: message });
  else last.rule = `${last.rule} or ${message.replace("must be ", "")}`;
}

function ruleOf(schema: TSchema, { keyword, schemaPath, instancePath, params, message }: Complaint): string {
  if (keyword === "boolean") return unknownField(schema, schemaPath, instancePath);
  if (keyword === "enum") return oneOf((params as { allowedValues?: unknown[] }).allowedValues ?? []);
  if (keyword === "format" && (params as { format?: string }).format === "date-time")
    return "must be a time with its zone, such as 2026-01-31T09:30:00Z";
  if (keyword !== "pattern") return message;
  const { examples } = schemaAt(schema, schemaPath) as { examples?: unknown[] };
  const shown = (examples ?? []).slice(0, 2).map(String).join(" or ");
  const known = PATTERN_RULES.get((params as { pattern?: unknown }).pattern);
  return known ?? (shown === "" ? message : `must be such as ${shown}`);
}

function oneOf(values: unknown[]): string {
  const shown = values.slice(0, MOST_CHOICES).map(String).join(", ");
  return `must be one of ${shown}${values.length > MOST_CHOICES ? ` and ${values.length - MOST_CHOICES} more` : ""}`;
}

function unknownField(schema: TSchema, schemaPath: string, instancePath: string): string {
  const place = schemaAt(schema, schemaPath.replace(/\/additionalProperties$/, "")) as {
    properties?: object;
  };
  const name = instancePath.slice(instancePath.lastIndexOf("/") + 1);
  const names = Object.keys(place.properties ?? {});
  const near = closestName(name, names, 3);
  if (near !== undefined) return `is not known here: did you mean ${near}?`;
  const few = names.length > 0 && names.length <= FEW_NAMES;
  return few
    ? `is not known here: there ${names.length === 1 ? "is" : "are"} ${names.join(", ")}`
    : "is not known here";
}

/** The part of a schema that a pointer such as `#/properties/name` names; an empty one where it leads nowhere. */
function schemaAt(schema: TSchema, pointer: string): object {
  let found: unknown = schema;
  for (const part of pointer.split("/").slice(1)) {
    if (typeof found !== "object" || found === null) return {};
    found = (found as Record<string, unknown>)[part.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return typeof found === "object" && found !== null ? found : {};
}
