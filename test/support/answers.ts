import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";

/** As JSON Schema has it: what is looked into for fields that nobody described. */
type Shape = {
  anyOf?: Shape[];
  allOf?: Shape[];
  items?: Shape;
  properties?: { [name: string]: Shape };
  patternProperties?: { [pattern: string]: Shape };
  additionalProperties?: Shape | boolean;
};

const COMPILED = new WeakMap<object, Validator>();

function passes(schema: object, value: unknown): boolean {
  const known = COMPILED.get(schema) ?? Compile(schema as TSchema);
  COMPILED.set(schema, known);
  return known.Check(value);
}

/**
 * Throws where an answer is not what its operation's schema says: a field of another kind or missing, or one that the
 * schema does not know. Looks at what JSON makes of it, which is what people get.
 */
export function checkAnswer({ name, output }: { name: string; output: TSchema }, answer: unknown): void {
  const told: unknown = answer === undefined ? undefined : JSON.parse(JSON.stringify(answer));
  if (!passes(output, told)) {
    const faults = COMPILED.get(output)?.Errors(told) ?? [];
    const words = [...faults].slice(0, 3).map((fault) => `${fault.instancePath}: ${fault.message}`);
    throw new Error(
      `the schema of ${name} lies: ${words.join("; ")} in ${JSON.stringify(told).slice(0, 2000)}`,
    );
  }
  const [unknown] = unknownFields(output as Shape, told, "");
  if (unknown !== undefined) throw new Error(`the schema of ${name} does not know ${unknown}`);
}

/** Places in a value that its schema has no word for. */
function unknownFields(schema: Shape, value: unknown, at: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  if (schema.anyOf !== undefined) {
    const meant = schema.anyOf.filter((one) => passes(one, value));
    const found = meant.map((one) => unknownFields(one, value, at));
    return found.find((places) => places.length === 0) ?? found[0] ?? [];
  }
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined
      ? []
      : value.flatMap((item, index) => unknownFields(items, item, `${at}/${index}`));
  }
  const known = fieldsOf(schema);
  const { patternProperties = {}, additionalProperties } = schema;
  const [pattern] = Object.values(patternProperties);
  const others = typeof additionalProperties === "object" ? additionalProperties : pattern;
  if (known === undefined && others === undefined) return [];
  return Object.entries(value).flatMap(([key, field]) => {
    const of = known?.[key] ?? others;
    return of === undefined ? [`${at}/${key}`] : unknownFields(of, field, `${at}/${key}`);
  });
}

/** Undefined where a schema names no fields: any JSON may stand there. */
function fieldsOf({ properties, allOf = [] }: Shape): Shape["properties"] {
  const all = [properties, ...allOf.map(fieldsOf)].filter((fields) => fields !== undefined);
  return all.length === 0 ? undefined : Object.assign({}, ...all);
}
