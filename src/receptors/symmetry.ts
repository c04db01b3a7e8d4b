import type { Position } from "../structures/geometry.ts";
import { superpose } from "../structures/superpose.ts";
import type { PdbResidue } from "./pdb.ts";
import type { ReceptorSymmetry } from "./report.ts";
import { atomOf, numberOf } from "./residues.ts";
import { templateOf } from "./templates.ts";

/** Above this, in Å over CA, two chains are not each other's image. */
export const SYMMETRY_LIMIT_ANGSTROM = 1;
const LEAST_IDENTITY = 0.9;

/**
 * The motion that swaps the two chains of a homodimer: CA of both laid at once on CA of the other, paired by
 * residue number. Null unless there are exactly two chains with as many residues, ≥ 90 % of them equal by
 * number and name, and the fit is below 1 Å.
 */
export function symmetryOf(protein: readonly PdbResidue[]): ReceptorSymmetry | null {
  const chains = Map.groupBy(protein, (residue) => residue.chain);
  const [first, second, ...more] = [...chains.entries()];
  if (first === undefined || second === undefined || more.length > 0) return null;
  const [[one, ofOne], [other, ofOther]] = [first, second];
  if (ofOne.length !== ofOther.length) return null;
  const partners = new Map(ofOther.map((residue) => [numberOf(residue), residue]));
  const pairs = ofOne.flatMap((residue) => {
    const partner = partners.get(numberOf(residue));
    return partner === undefined ? [] : [[residue, partner] as const];
  });
  const equal = pairs.filter(([a, b]) => parentOf(a) === parentOf(b));
  if (equal.length < LEAST_IDENTITY * ofOne.length || equal.length < 3) return null;
  const [here, there] = [equal.map(([a]) => alpha(a)), equal.map(([, b]) => alpha(b))];
  const fit = superpose([...here, ...there], [...there, ...here]);
  if (fit.rmsd_angstrom >= SYMMETRY_LIMIT_ANGSTROM) return null;
  return {
    chains: [one, other],
    residues: equal.length,
    rmsd_angstrom: fit.rmsd_angstrom,
    rotation: fit.rotation.map((row) => [...row]) as ReceptorSymmetry["rotation"],
    translation: [...fit.translation],
  };
}

function parentOf(residue: PdbResidue): string {
  return templateOf(residue.name)?.parent ?? residue.name;
}

/** Every residue that is prepared has its CA. */
function alpha(residue: PdbResidue): Position {
  return atomOf(residue, "CA")?.position ?? [Number.NaN, Number.NaN, Number.NaN];
}
