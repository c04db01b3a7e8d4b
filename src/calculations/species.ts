import { checkElectrons, MAX_ATOMS } from "../engines/xtb/check.ts";
import { AppError } from "../errors.ts";
import type { StructureRow } from "../structures/store.ts";
import type { Identified, Identity } from "../toolkit/toolkit.ts";

/** `cause`: the value that makes it one, where that may have been asked for all. */
export type Refusal = { code: string; message: string; cause?: string };

export type ElectronsAsked = { charge?: number; multiplicity?: number; vertical?: boolean; large?: boolean };

/** Charge and multiplicity of a run: as asked, else as drawn with the radicals' electrons parallel. */
export function speciesElectrons(
  species: Pick<Identity, "charge" | "radical_electrons">,
  asked: ElectronsAsked,
): { charge: number; multiplicity: number } {
  const charge = asked.charge ?? species.charge;
  const removed = species.charge - charge;
  const lowest =
    removed === 0 ? species.radical_electrons + 1 : ((species.radical_electrons + Math.abs(removed)) % 2) + 1;
  return { charge, multiplicity: asked.multiplicity ?? lowest };
}

/**
 * Why a species can't be computed from its drawing, or undefined where it can: undefined stereo, several
 * parts, too many atoms, a charge or spin that its electrons can't have. Nothing is decided silently.
 */
export function refuseSpecies(found: Identified, asked: ElectronsAsked): Refusal | undefined {
  const { species, parent } = found;
  if (species.undefined_centres > 0) {
    const [n, verb] =
      species.undefined_centres === 1
        ? ["1 stereocentre or double bond", "is"]
        : [`${species.undefined_centres} stereocentres or double bonds`, "are"];
    return {
      code: "undefined_stereo",
      message: `${n} of "${species.smiles.slice(0, 60)}" ${verb} not defined: draw each one (@, @@, /, \\)`,
    };
  }
  if (species.smiles.includes(".")) {
    const hint =
      parent === null ? "give one of its parts" : `its parent is ${parent.identity.smiles.slice(0, 60)}`;
    return {
      code: "ambiguous_parent",
      message: `"${species.smiles.slice(0, 60)}" has several parts and 3D is made for one: ${hint}`,
    };
  }
  const counts = formulaCounts(species.formula);
  const atoms = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (atoms > MAX_ATOMS && asked.large !== true) {
    return {
      code: "too_large",
      message: `${atoms} atoms are more than ${MAX_ATOMS}: say \`large\` to run it on purpose`,
    };
  }
  if (asked.charge !== undefined && asked.charge !== species.charge && asked.vertical !== true) {
    const drawn = `charge ${asked.charge} is not the drawn charge ${species.charge}`;
    return {
      code: "electron_parity",
      message: `${drawn}: draw the ion, or say \`vertical\` to keep the drawn geometry`,
      cause: "charge",
    };
  }
  return refuseElectrons(counts, speciesElectrons(species, asked));
}

function refuseElectrons(
  counts: Map<string, number>,
  electrons: { charge: number; multiplicity: number },
): Refusal | undefined {
  const elements = [...counts].flatMap(([element, count]) => Array<string>(count).fill(element));
  try {
    checkElectrons(elements, electrons.charge, electrons.multiplicity);
    return undefined;
  } catch (error) {
    if (error instanceof AppError) {
      const { code, message, fields } = error;
      return { code, message, cause: fields[0]?.path?.slice(1) ?? "" };
    }
    throw error;
  }
}

/** Atoms by element of a Hill formula: `C2H6O` is C 2, H 6, O 1. */
export function formulaCounts(formula: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [, element = "", count = ""] of formula.matchAll(/([A-Z][a-z]?)(\d*)/g)) {
    counts.set(element, (counts.get(element) ?? 0) + (count === "" ? 1 : Number(count)));
  }
  return counts;
}

/** Charge and multiplicity of a structure's run: as asked, else as it was added, else neutral and closed shell. */
export function structureElectrons(
  row: Pick<StructureRow, "charge" | "multiplicity">,
  asked: ElectronsAsked,
): { charge: number; multiplicity: number } {
  return {
    charge: asked.charge ?? row.charge ?? 0,
    multiplicity: asked.multiplicity ?? row.multiplicity ?? 1,
  };
}

/** Throws AppError engine_refused where a structure can't be run so: too many atoms, impossible charge or spin. */
export function checkStructure(
  row: Pick<StructureRow, "charge" | "multiplicity">,
  elements: string[],
  asked: ElectronsAsked,
): void {
  if (elements.length > MAX_ATOMS && asked.large !== true) {
    const rule = `${elements.length} atoms are more than ${MAX_ATOMS}: say \`large\` to run it on purpose`;
    throw new AppError("engine_refused", rule, {
      code: "too_large",
      fields: [{ path: "/structure_ids", rule }],
    });
  }
  const { charge, multiplicity } = structureElectrons(row, asked);
  if (row.charge !== null && charge !== row.charge && asked.vertical !== true) {
    const rule = `charge ${charge} is not the structure's charge ${row.charge}: say \`vertical\` to keep its geometry`;
    throw new AppError("engine_refused", rule, {
      code: "electron_parity",
      fields: [{ path: "/charge", rule }],
    });
  }
  checkElectrons(elements, charge, multiplicity);
}
