import type { Canonical } from "../canonical.ts";
import { LIGAND_WRITER_VERSION } from "../ligands/ligand.ts";
import { GENERATOR_VERSION } from "../toolkit/generator.ts";
import type { EngineName } from "./engine.ts";
import { VINA_CACHE_VERSION } from "./vina/schema.ts";
import { XTB_CACHE_VERSION } from "./xtb/schema.ts";

/** What of ours decides an engine's answer, without the program itself: 3D, writers, readers. */
const PREPARATION: Record<EngineName, Canonical> = {
  xtb: { conformers: GENERATOR_VERSION, reader: XTB_CACHE_VERSION },
  vina: { conformers: GENERATOR_VERSION, ligands: LIGAND_WRITER_VERSION, reader: VINA_CACHE_VERSION },
};

/** The same for an engine by name; null for one that is not ours. A completed job answers only within one of these. */
export function preparationOf(engine: string): Canonical {
  return (PREPARATION as Record<string, Canonical>)[engine] ?? null;
}
