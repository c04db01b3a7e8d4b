import type { Random } from "./random.ts";

/** As much of JSON Schema as API documents use. */
export type Schema = {
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  patternProperties?: Record<string, Schema>;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  minProperties?: number;
  pattern?: string;
  format?: string;
  examples?: unknown[];
  $ref?: string;
};

/** What a generator leans on: chance, ids that answers told of, and what `$ref` means. */
export type Source = { random: Random; known: Known; resolve: (ref: string) => Schema };

/** Texts that answers gave, by the name of the field that they stood in. */
export class Known {
  readonly #byField = new Map<string, string[]>();

  add(field: string, text: string): void {
    const texts = this.#byField.get(field) ?? [];
    if (texts.includes(text)) return;
    this.#byField.set(field, [...texts.slice(1 - MOST_KNOWN), text]);
  }

  /** What may be meant by a field: what stood under its name, the singular of it, or a name of the thing it names. */
  of(field: string): string[] {
    const one = field.replace(/s$/, "");
    const names = [field, one, `${one}_id`, ...(SPELLINGS[one] ?? [])];
    return names.flatMap((name) => this.#byField.get(name) ?? []);
  }
}

const MOST_KNOWN = 100;

/** Names that a field may mean, where the answers call them otherwise. */
const SPELLINGS: Record<string, string[]> = {
  from: ["job_id"],
  user: ["username"],
  org: ["slug"],
  pipeline: ["name"],
  role: ["name"],
  site: ["name"],
  receptor_structure_id: ["structure_id"],
};

const TEXTS = ["a", "water", "CCO", "c1ccccc1", "C[C@H](O)F", "dock", "xtb-optimize", "2026-01-02", "7d"];

/** Values that a server must refuse or bear, whatever a field asks for. */
const NASTY: unknown[] = [
  null,
  true,
  "",
  " ",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "' OR 1=1 --",
  "../../etc/passwd",
  "%2e%2e%2f",
  "{{7*7}}",
  "=cmd|'/c calc'!A1",
  "🧪".repeat(50),
  "x".repeat(5000),
  "NaN",
  "Infinity",
  -1,
  0,
  -0.5,
  1e308,
  -1e308,
  2 ** 53,
  2 ** 31,
  1e-320,
  [],
  {},
  [[[]]],
  { __proto__: null, constructor: 1 },
  "00000000-0000-0000-0000-000000000000",
  "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
];

/** A value that the schema allows, as far as it says. */
export function valid(schema: Schema, source: Source, field = "", depth = 0): unknown {
  const { random, resolve } = source;
  if (schema.$ref !== undefined) return valid(resolve(schema.$ref), source, field, depth);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return random.pick(schema.enum);
  if (schema.examples !== undefined && schema.examples.length > 0 && random.chance(0.5))
    return random.pick(schema.examples);
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return valid(random.pick(choices), source, field, depth);
  if (schema.allOf !== undefined) return merged(schema.allOf, source, field, depth);
  const type = Array.isArray(schema.type) ? random.pick(schema.type) : schema.type;
  if (type === "object") return anObject(schema, source, depth);
  if (type === "array") return anArray(schema, source, field, depth);
  if (type === "integer") return random.whole(...bounds(schema, 5));
  if (type === "number") return aNumber(schema, random);
  if (type === "boolean") return random.chance(0.5);
  if (type === "null") return null;
  return aText(schema, source, field);
}

/** The same with something wrong in it somewhere: a nasty value, a field too many or too few. */
export function spoiled(value: unknown, random: Random): unknown {
  if (random.chance(0.2)) return random.pick(NASTY);
  if (Array.isArray(value)) {
    if (value.length === 0 || random.chance(0.3)) return [...value, random.pick(NASTY)];
    const at = random.whole(0, value.length - 1);
    return value.with(at, spoiled(value[at], random));
  }
  if (typeof value !== "object" || value === null) return random.pick(NASTY);
  const entries = Object.entries(value);
  if (entries.length === 0 || random.chance(0.15)) return { ...value, unexpected: random.pick(NASTY) };
  const at = random.whole(0, entries.length - 1);
  if (random.chance(0.15)) return Object.fromEntries(entries.toSpliced(at, 1));
  return Object.fromEntries(
    entries.map(([name, item], index) => [name, index === at ? spoiled(item, random) : item]),
  );
}

function merged(parts: Schema[], source: Source, field: string, depth: number): unknown {
  return Object.assign({}, ...parts.map((part) => valid(part, source, field, depth)));
}

function anObject(schema: Schema, source: Source, depth: number): unknown {
  const { random } = source;
  const required = new Set(schema.required ?? []);
  const wanted = Object.entries(schema.properties ?? {}).filter(
    ([name]) => required.has(name) || (depth < 4 && random.chance(0.35)),
  );
  const made = Object.fromEntries(
    wanted.map(([name, inner]) => [name, valid(inner, source, name, depth + 1)]),
  );
  const open = schema.patternProperties?.["^.*$"] ?? schema.additionalProperties;
  for (let n = Object.keys(made).length; typeof open === "object" && n < (schema.minProperties ?? 0); n++)
    made[`key${n}`] = valid(open, source, "", depth + 1);
  return made;
}

function anArray(schema: Schema, source: Source, field: string, depth: number): unknown[] {
  const least = schema.minItems ?? 0;
  const most = Math.max(least, Math.min(schema.maxItems ?? 3, least + 2));
  const length = source.random.whole(least, most);
  return Array.from({ length }, () => valid(schema.items ?? {}, source, field, depth + 1));
}

function bounds(schema: Schema, spread: number): [number, number] {
  const low = schema.minimum ?? (schema.exclusiveMinimum === undefined ? 0 : schema.exclusiveMinimum + 1);
  const high =
    schema.maximum ?? (schema.exclusiveMaximum === undefined ? undefined : schema.exclusiveMaximum - 1);
  return [low, Math.max(low, Math.min(high ?? low + spread, low + spread))];
}

function aNumber(schema: Schema, random: Random): number {
  const low = schema.minimum ?? schema.exclusiveMinimum ?? 0;
  const high = schema.maximum ?? schema.exclusiveMaximum ?? low + 20;
  return low + (high - low) * (0.001 + 0.998 * random.next());
}

/** Of nothing that there is. */
const NO_ID = "01a1fe1e-adee-71d3-b047-cb8dccb58f15";
const ISO = "2026-01-02T03:04:05.678Z";

function aText(schema: Schema, { random, known }: Source, field: string): string {
  if (schema.format === "date-time") return ISO;
  const told = known.of(field).filter((text) => matches(text, schema));
  if (told.length > 0 && random.chance(0.8)) return random.pick(told);
  if (schema.format === "uuid" || /\[0-9a-f/i.test(schema.pattern ?? "")) return NO_ID;
  const fitting = TEXTS.filter((text) => matches(text, schema));
  if (fitting.length > 0) return random.pick(fitting);
  return "x".repeat(Math.max(schema.minLength ?? 1, 1)).slice(0, schema.maxLength ?? 100);
}

function matches(text: string, { pattern, minLength = 0, maxLength = 1e6 }: Schema): boolean {
  if (text.length < minLength || text.length > maxLength) return false;
  return pattern === undefined || new RegExp(pattern, "u").test(text);
}
