/** What of a JSON schema decides how text of a URL becomes a value. */
export type Shape = {
  type?: string | string[];
  properties?: Record<string, Shape>;
  patternProperties?: Record<string, Shape>;
  additionalProperties?: boolean | Shape;
  items?: Shape | Shape[];
  required?: string[];
  anyOf?: Shape[];
  oneOf?: Shape[];
  allOf?: Shape[];
  const?: unknown;
  enum?: unknown[];
  maximum?: number;
  maxLength?: number;
  maxItems?: number;
  maxProperties?: number;
  propertyNames?: Shape;
  pattern?: string;
  format?: string;
};

/** Fields of an object, whatever it is put together from; the first to name one says what it is. */
export function fieldsOf(shape: Shape): Record<string, Shape> {
  const parts = [...(shape.allOf ?? []), ...(shape.anyOf ?? []), ...(shape.oneOf ?? [])];
  return Object.assign({}, ...parts.toReversed().map(fieldsOf), shape.properties ?? {});
}

/** Each of the shapes that a value may have. */
export function choicesOf(shape: Shape): Shape[] {
  const parts = [...(shape.anyOf ?? []), ...(shape.oneOf ?? [])];
  return parts.length === 0 ? [shape] : parts.flatMap(choicesOf);
}

/** JSON types that a value may have; every one where nothing is said. */
export function typesOf(shape: Shape): Set<string> {
  const types = choicesOf(shape).flatMap((choice) => {
    if (choice.type !== undefined) return choice.type;
    if (choice.const !== undefined) return typeOf(choice.const);
    if (choice.enum !== undefined) return choice.enum.map(typeOf);
    if (choice.properties !== undefined || choice.allOf !== undefined) return "object";
    return ["string", "number", "boolean", "null", "object", "array"];
  });
  return new Set(types);
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
