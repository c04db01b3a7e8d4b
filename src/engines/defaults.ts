import type { EngineName } from "./engine.ts";
import { vinaParams } from "./vina/schema.ts";
import { xtbParams } from "./xtb/schema.ts";

/** What each engine takes where nothing else is asked for, by the name of the parameter. */
export function defaultsOf(engine: string): Readonly<Record<string, unknown>> {
  const all: Record<EngineName, () => object> = { vina: vinaParams, xtb: xtbParams };
  return Object.hasOwn(all, engine) ? { ...all[engine as EngineName]() } : {};
}
