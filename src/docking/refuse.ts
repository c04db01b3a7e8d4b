import { unsupportedByVina } from "../ligands/types.ts";
import type { IdentifiedRecord } from "../molecules/identify.ts";

export type Refusal = { code: string; message: string };

/** More heavy atoms than this are no small molecule: Vina's search would find nothing in them. */
export const MOST_HEAVY_ATOMS = 150;

/**
 * Why a species can't be docked from its drawing, or undefined where it can: several parts, elements that the
 * scoring function has no radius for, radicals, nothing but hydrogen, too large.
 */
export function refuseLigand({ found }: IdentifiedRecord): Refusal | undefined {
  const { species, parent } = found;
  const text = `"${species.smiles.slice(0, 60)}"`;
  if (species.smiles.split(" ", 1)[0]?.includes(".")) {
    const hint =
      parent === null
        ? "give one of its parts"
        : `its parent is ${parent.identity.smiles.slice(0, 60)}: give that`;
    return { code: "ambiguous_parent", message: `${text} has several parts and one is docked: ${hint}` };
  }
  const unknown = unsupportedByVina(species.elements);
  if (unknown.length > 0)
    return {
      code: "unsupported_element",
      message: `Vina has no parameters for ${unknown.join(", ")} in ${text}: it knows H C N O F Si P S Cl Br I`,
    };
  if (species.radical_electrons > 0)
    return {
      code: "unsupported_element",
      message: `${text} is a radical, which Vina has no parameters for: draw the closed-shell molecule`,
    };
  if (species.heavy_atoms === 0)
    return { code: "bad_input", message: `${text} has no heavy atom: nothing would be scored` };
  if (species.heavy_atoms > MOST_HEAVY_ATOMS)
    return {
      code: "too_large",
      message: `${text} has ${species.heavy_atoms} heavy atoms: at most ${MOST_HEAVY_ATOMS} are docked`,
    };
  return undefined;
}
