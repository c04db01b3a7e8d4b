import type { Canonical } from "../canonical.ts";
import { LIGAND_WRITER_VERSION } from "../ligands/ligand.ts";
import { GENERATOR_VERSION } from "../toolkit/generator.ts";
import type { EngineName } from "./engine.ts";

/** Raise an engine's when its `parse` reads something else out of the same output: old results must not be found then. */
export const CACHE_VERSION: Record<EngineName, number> = { xtb: 1, vina: 2 };

/** What of ours decides an engine's answer, without the program itself: 3D, writers, readers. */
const PREPARATION: Record<EngineName, Canonical> = {
  xtb: { conformers: GENERATOR_VERSION, reader: CACHE_VERSION.xtb },
  vina: { conformers: GENERATOR_VERSION, ligands: LIGAND_WRITER_VERSION, reader: CACHE_VERSION.vina },
};

/** The same for an engine by name; null for one that is not ours. A completed job answers only within one of these. */
export function preparationOf(engine: string): Canonical {
  return (PREPARATION as Record<string, Canonical>)[engine] ?? null;
}
