import { AppError } from "../errors.ts";
import type { RejectedRecord } from "../molecules/schema.ts";
import type { Things } from "./schema.ts";

/** JSON pointer to where a value was said, beside the things or among their parameters; undefined where it was not. */
function givenAt(things: object, name: string): string | undefined {
  if (Object.hasOwn(things, name)) return `/${name}`;
  const { params } = things as { params?: object };
  return params !== undefined && Object.hasOwn(params, name) ? `/params/${name}` : undefined;
}

/** What of a request makes each refusal one: a value that was asked for all, by its name; else the record itself. */
export type Causes = Map<RejectedRecord, string | undefined>;

/**
 * JSON pointers into a request, of what was refused of it: to the value that is at fault where it was said, else to
 * the record, or to the list that names what is known.
 */
export function pointersInto(things: Things, causes: Causes, known: readonly RejectedRecord[]) {
  const byLine = new Map((things.molecules ?? []).map(({ line }, index) => [line ?? index + 1, index]));
  return (one: RejectedRecord): string => {
    const cause = causes.get(one);
    const asked = cause === undefined ? undefined : givenAt(things, cause);
    if (asked !== undefined) return asked;
    if (known.includes(one)) return things.molecule_ids === undefined ? "/registered" : "/molecule_ids";
    return `/molecules/${byLine.get(one.line) ?? one.line - 1}/text`;
  };
}

/** The same error with its fields as pointers into the request that named that structure; other errors as they are. */
export function ofStructure(error: unknown, things: Things, index: number): unknown {
  if (!(error instanceof AppError) || error.fields.length === 0) return error;
  const fields = error.fields.map(({ path = "", ...field }) => ({
    ...field,
    path: givenAt(things, path.slice(1)) ?? `/structure_ids/${index}`,
  }));
  const { kind, message, code, cause } = error;
  return new AppError(kind, message, {
    fields,
    cause,
    ...(code === kind ? {} : { code: code as "electron_parity" }),
  });
}
