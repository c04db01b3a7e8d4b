import { AppError } from "../errors.ts";
import type { ReceptorReport } from "../receptors/report.ts";
import { residueAtoms } from "../receptors/rigid-pdbqt.ts";
import { someOf } from "../receptors/select.ts";
import { type Box, isInside } from "../structures/box.ts";

/** A site with more residues cut short than this is not the protein's: what lacks there is where ligands would sit. */
export const MOST_INCOMPLETE = 3;

type Incomplete = ReceptorReport["missing_atoms"];

/**
 * Notes on residues that lack side-chain atoms: by name where they have a heavy atom within the box, counted where
 * not. Throws AppError bad_input, naming the first few, where more than 3 are within the box.
 */
export function incompleteNotes(missing: Incomplete, pdbqt: string, box: Box): string[] {
  const near = new Set(
    missing.length === 0
      ? []
      : residueAtoms(pdbqt)
          .filter(({ position_angstrom }) => isInside(box, position_angstrom))
          .map(({ residue, name }) => `${name} ${residue}`),
  );
  const within = missing.filter(({ residue, name }) => near.has(`${name} ${shortened(residue)}`));
  refuseMany(within);
  const away = missing.length - within.length;
  return [
    ...within.map(
      ({ residue, name, atoms }) =>
        `${name} ${residue} in the box lacks ${atoms.join(" ")}: poses may lie where its side chain is`,
    ),
    ...(away === 0 ? [] : [`${residuesLack(away)} side-chain atoms outside the box: see its report`]),
  ];
}

function residuesLack(count: number): string {
  return count === 1 ? "1 residue of the receptor lacks" : `${count} residues of the receptor lack`;
}

function refuseMany(within: Incomplete): void {
  if (within.length <= MOST_INCOMPLETE) return;
  const named = someOf(
    within.map(({ residue, name }) => `${name} ${residue}`),
    5,
  );
  const rule = `${within.length} residues in the box lack side-chain atoms (${named}), and ${MOST_INCOMPLETE} may: mend the structure, or move the box`;
  throw new AppError("bad_input", rule, { fields: [{ path: "/receptor_structure_id", rule }] });
}

/** A residue's place as the columns of a PDBQT hold it: the last four characters of its number. */
function shortened(residue: string): string {
  return residue.replace(/-?\d{4,}/, (number) => number.slice(-4));
}
