import { type Static, Type } from "typebox";
import { text, word } from "../fields.ts";
import { pointer } from "./faults.ts";

/** One difference between two documents, by its place: a JSON Pointer. */
export const SpecChange = Type.Object({
  path: text("Where in the spec: a JSON Pointer; `/` is the whole of it."),
  change: word(["added", "removed", "changed"], "What became of that place."),
  old: Type.Optional(Type.Unknown({ description: "What stood there, any JSON; absent where it was added." })),
  new: Type.Optional(
    Type.Unknown({ description: "What stands there now, any JSON; absent where it was removed." }),
  ),
});
export type SpecChange = Static<typeof SpecChange>;

/**
 * What leads from one JSON document to the other, at the smallest places that differ, in the order of the new one.
 * Lists are compared item by item. Pure.
 */
export function diffSpecs(before: unknown, after: unknown, at: readonly string[] = []): SpecChange[] {
  if (isNested(before) && isNested(after) && Array.isArray(before) === Array.isArray(after)) {
    const [old, now] = [before as Record<string, unknown>, after as Record<string, unknown>];
    const keys = [...new Set([...Object.keys(now), ...Object.keys(old)])];
    return keys.flatMap((key) => {
      const path = [...at, key];
      if (!Object.hasOwn(old, key)) return [{ path: pointer(path), change: "added", new: now[key] }];
      if (!Object.hasOwn(now, key)) return [{ path: pointer(path), change: "removed", old: old[key] }];
      return diffSpecs(old[key], now[key], path);
    });
  }
  return Object.is(before, after) ? [] : [{ path: pointer(at), change: "changed", old: before, new: after }];
}

function isNested(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
