import type { Operation } from "../operation.ts";
import { hasBody, shapeOf } from "./input.ts";
import { fieldsOf, type Shape } from "./shape.ts";

/** The largest body that is taken at all; a receptor in base64 is the largest thing there is to say. */
export const LARGEST_BODY_BYTES = 32 * 1024 * 1024;
/**
 * Who has no account sends names and tokens, no molecules: the longest of them, in UTF-8. Who asks where nothing is
 * sends nothing that is read.
 */
export const STRANGERS_BODY_BYTES = 8 * 1024;
/** What every operation of somebody who is signed in takes: indented and escaped in whatever way. */
const USUAL_BODY_BYTES = 256 * 1024;

/** A character of JSON as the most long-winded writer has it: two escapes of UTF-16. */
const CHARACTER_BYTES = 12;
/** What is bounded by a pattern alone is an id or a time. */
const SHORT_CHARACTERS = 64;
/** Digits, sign, point and exponent. */
const NUMBER_BYTES = 32;
/** JSON whose form is not ours to say: a pipeline's graph, parameters of a task. */
const FREE_BYTES = 1024 * 1024;

/**
 * How many bytes a body of this operation may have: what its input can need, at least a quarter of a mebibyte (8 KiB
 * where nobody is signed in), at most `largest`. Nobody gets to fill memory through an operation that takes a name.
 */
export function bodyLimitOf(
  operation: Pick<Operation, "name" | "input" | "http" | "permission">,
  largest = LARGEST_BODY_BYTES,
): number {
  const isStrangers = operation.permission === "anyone";
  if (isStrangers || !hasBody(operation)) return Math.min(STRANGERS_BODY_BYTES, largest);
  return Math.min(Math.max(USUAL_BODY_BYTES, mostBytes(shapeOf(operation.input))), largest);
}

/** The most bytes that a value of this shape takes as JSON; infinite where nothing bounds it. Pure. */
export function mostBytes(shape: Shape): number {
  if (shape.const !== undefined) return lengthOf(shape.const);
  if (shape.enum !== undefined) return Math.max(...shape.enum.map(lengthOf));
  const choices = [...(shape.anyOf ?? []), ...(shape.oneOf ?? [])];
  if (choices.length > 0) return Math.max(...choices.map(mostBytes));
  const types = [shape.type ?? (shape.allOf === undefined ? "any" : "object")].flat();
  return Math.max(...types.map((type) => ofType(type, shape)));
}

function ofType(type: string, shape: Shape): number {
  switch (type) {
    case "boolean":
    case "null":
      return 5;
    case "number":
    case "integer":
      return NUMBER_BYTES;
    case "string":
      return 2 + CHARACTER_BYTES * charactersOf(shape);
    case "array":
      return ofArray(shape);
    case "object":
      return ofObject(shape);
    default:
      return FREE_BYTES;
  }
}

function charactersOf({ maxLength, pattern, format }: Shape): number {
  return maxLength ?? (pattern === undefined && format === undefined ? Infinity : SHORT_CHARACTERS);
}

function ofArray({ items = {}, maxItems = Infinity }: Shape): number {
  if (Array.isArray(items)) return 2 + items.reduce((sum, one) => sum + 1 + mostBytes(one), 0);
  return 2 + maxItems * (1 + mostBytes(items));
}

function ofObject(shape: Shape): number {
  const fields = Object.entries(fieldsOf(shape));
  const own = fields.reduce((sum, [name, field]) => sum + lengthOf(name) + 2 + mostBytes(field), 2);
  return own + ofRest(shape);
}

/** Fields that have no name of ours. */
function ofRest({
  patternProperties = {},
  additionalProperties,
  maxProperties = Infinity,
  ...shape
}: Shape): number {
  const rest = Object.values(patternProperties);
  if (typeof additionalProperties === "object") rest.push(additionalProperties);
  if (rest.length === 0) return shape.properties === undefined && shape.allOf === undefined ? FREE_BYTES : 0;
  // A record of anything at all is as free as JSON is.
  if (rest.some((one) => mostBytes(one) === FREE_BYTES)) return FREE_BYTES;
  const name = 2 + CHARACTER_BYTES * (shape.propertyNames?.maxLength ?? SHORT_CHARACTERS);
  return maxProperties * (name + 2 + Math.max(...rest.map(mostBytes)));
}

function lengthOf(value: unknown): number {
  return JSON.stringify(value)?.length ?? 4;
}
