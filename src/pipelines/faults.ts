import { type Static, type TSchema, Type } from "typebox";
import { Errors } from "typebox/value";
import { closestName } from "../edit-distance.ts";
import { text, word } from "../fields.ts";
import { fieldErrors } from "../input-rules.ts";

/** What is wrong with a spec, and where: a JSON Pointer. A warning refuses nothing. */
export const Fault = Type.Object({
  path: text("Where in the spec: a JSON Pointer; `/` is the whole of it."),
  rule: text("What is wrong there, in words."),
  severity: word(["fault", "warning"], "A `warning` refuses nothing."),
});
export type Fault = Static<typeof Fault>;

export function fault(at: readonly string[], rule: string): Fault {
  return { path: pointer(at), rule, severity: "fault" };
}

export function warning(at: readonly string[], rule: string): Fault {
  return { path: pointer(at), rule, severity: "warning" };
}

/** A place in a document as a JSON Pointer (RFC 6901); `/` is the whole of it, as in every error of ours. */
export function pointer(at: readonly string[]): string {
  return at.length === 0
    ? "/"
    : at.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** Names near a mistyped one, or all of them, as the end of a rule. */
export function hint(typed: string, names: readonly string[]): string {
  const near = closestName(typed, names, 2);
  if (near !== undefined) return `did you mean ${near}?`;
  if (names.length === 0) return "there are none";
  const most = names.slice(0, 12).join(", ");
  return `there ${names.length === 1 ? "is" : "are"} ${most}${names.length > 12 ? ", …" : ""}`;
}

type JsonSchema = { anyOf?: JsonSchema[]; type?: string; properties?: object };

/** What a JSON Schema has against a value, in words. Pure. */
export function schemaFaults(schema: TSchema | object, value: unknown, at: readonly string[]): Fault[] {
  const { anyOf } = schema as JsonSchema;
  const [one, ...others] = (anyOf ?? []).filter(({ type }) => type !== "null");
  if (one !== undefined && others.length === 0) {
    if (value === null) return [];
    return schemaFaults(one, value, at).map((found) => ({ ...found, rule: `${found.rule} (or null)` }));
  }
  const errors = Errors(schema as TSchema, value);
  return fieldErrors(schema as TSchema, errors).map(
    ({ path = "/", rule }): Fault => ({
      path: path === "/" ? pointer(at) : pointer([...at, ...path.slice(1).split("/").map(unescaped)]),
      rule,
      severity: "fault",
    }),
  );
}

/** A part of a JSON Pointer as the key that it is. */
function unescaped(part: string): string {
  return part.replaceAll("~1", "/").replaceAll("~0", "~");
}
