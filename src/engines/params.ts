import type { Static, TSchema } from "typebox";
import { Check } from "typebox/value";
import { AppError } from "../errors.ts";

/**
 * An engine's own parameters among those of a job, with the engine's defaults under them. Throws AppError
 * bad_input where one is wrong.
 */
export function paramsAmong<S extends TSchema>(
  schema: S,
  defaults: Static<S> & object,
  given: Record<string, unknown>,
  program: string,
): Static<S> {
  const known = Object.keys(defaults).filter((name) => given[name] !== undefined);
  const params: unknown = { ...defaults, ...Object.fromEntries(known.map((name) => [name, given[name]])) };
  if (Check(schema, params)) return params;
  throw new AppError("bad_input", `the parameters of this job are not ${program}'s`);
}
