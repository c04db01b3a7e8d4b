import { type TEnum, type TSchema, type TSchemaOptions, Type } from "typebox";
import { WORDS_PATTERN } from "./words.ts";

/*
 * What most fields are made of, each with what it is in plain words: the first thing that is said of a field goes into
 * the reference page and the OpenAPI document as it stands here. Numbers say their unit; "1" is a pure number.
 */

export const UUID_PATTERN = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";
export const SHA256_PATTERN = "^[0-9a-f]{64}$";

/** What ids look like, for examples: a UUIDv7 of nothing. */
export const EXAMPLE_ID = "01a1fe1e-adee-71d3-b047-cb8dccb58f15";

/** Most ids that a question in a URL names: a thousand would not fit into what proxies let through. */
export const MOST_IDS_IN_URL = 150;
/** Most ids, or records, that one call names in its body. */
export const MOST_IDS = 1000;

/** The same schema with words of its own for where it stands; what may be in it stays as it is. */
export function about<T extends TSchema>(schema: T, description: string, more: TSchemaOptions = {}): T {
  return Type.With(schema, { ...more, description }) as unknown as T;
}

/** Nothing is said of what stands in another schema that says it, as in `nullable`. */
const said = (description: string | undefined) => (description === undefined ? {} : { description });

export function id(description?: string) {
  return Type.String({ pattern: UUID_PATTERN, ...said(description) });
}

export function text(
  description?: string,
  more: { minLength?: number; maxLength?: number; examples?: string[] } = {},
) {
  return Type.String({ ...more, ...said(description) });
}

/** What somebody calls a thing: one line, which others read on their terminals. */
export function words(
  description?: string,
  more: { minLength?: number; maxLength?: number; examples?: string[] } = {},
) {
  return Type.String({ pattern: WORDS_PATTERN, ...more, ...said(description) });
}

/** A moment as RFC 3339 says it, in UTC. */
export function time(description?: string) {
  return Type.String({ format: "date-time", ...said(description) });
}

export function flag(description: string) {
  return Type.Boolean({ description });
}

/** How many there are of something. */
export function count(description?: string) {
  return Type.Integer({ unit: "1", minimum: 0, ...said(description) });
}

export function integer(
  unit: string,
  description: string,
  more: { minimum?: number; maximum?: number } = {},
) {
  return Type.Integer({ unit, ...more, description });
}

export function number(unit: string, description: string, more: { minimum?: number; maximum?: number } = {}) {
  return Type.Number({ unit, ...more, description });
}

/** One of a closed list of words. */
export function word<const T extends readonly string[]>(words: T, description: string): TEnum<[...T]> {
  return Type.Enum([...words], { description }) as unknown as TEnum<[...T]>;
}

export function nullable<T extends TSchema>(schema: T, description: string) {
  return Type.Union([schema, Type.Null()], { description });
}

export function list<T extends TSchema>(
  items: T,
  description: string,
  more: { minItems?: number; maxItems?: number; shape?: string; examples?: unknown[][] } = {},
) {
  return Type.Array(items, { ...more, description });
}

/** A JSON object of which the keys are not ours to say. */
export function document(description: string) {
  return Type.Record(Type.String(), Type.Unknown(), { description });
}

/** x, y, z. An array of three, and no tuple: OpenAPI writes tuples in another way than the validator does. */
export function triple(unit: string, description: string, more: { minimum?: number; maximum?: number } = {}) {
  return Type.Unsafe<[number, number, number]>(
    Type.Array(Type.Number({ unit, ...more }), { minItems: 3, maxItems: 3, shape: "(3)", description }),
  );
}

/**
 * An object that has these fields and refuses others: every input is one. With examples of the whole where those of its
 * fields make none that could be asked.
 */
export function closed<T extends Parameters<typeof Type.Object>[0]>(
  fields: T,
  more: { examples?: object[] } = {},
) {
  return Type.Object(fields, { ...more, additionalProperties: false });
}

export const NextCursor = nullable(
  Type.String(),
  "Give this as `cursor` for the next page; null where this was the last one.",
);

/** One page of a list. */
export function pageOfItems<T extends TSchema>(items: T, description: string) {
  return Type.Object({ items: list(items, description), next_cursor: NextCursor });
}

/** A list that always comes whole: it looks like a page, and is the last one. */
export function wholeList<T extends TSchema>(items: T, description: string) {
  return Type.Object({
    items: list(items, description),
    next_cursor: Type.Null({ description: ALWAYS_WHOLE }),
  });
}
export const ALWAYS_WHOLE = "Always null: all there is is in this answer.";

export const OWNER = id("Person whose it is.");
export const CREATED_AT = time("When it was made.");
export const UPDATED_AT = time("When it last changed.");
