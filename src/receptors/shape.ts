import type { Position } from "../structures/geometry.ts";
import { cross, distance, dot, subtract } from "../structures/vectors.ts";
import type { PdbResidue } from "./pdb.ts";
import { atomOf, heavyAtoms, labelOf } from "./residues.ts";
import { refusal, someOf } from "./select.ts";
import { templateOf } from "./templates.ts";

/** The longest bond within a residue is C–S, 1.8 Å; this far from all others an atom is no bad model but elsewhere. */
const LOOSE_ANGSTROM = 10;

/**
 * Refuses atoms that are nowhere near the rest of their residue: a broken line in the file, which would be scored as
 * a side chain elsewhere. Residues that lack atoms are left to the report of those. AppError bad_input.
 */
export function refuseLooseAtoms(protein: readonly PdbResidue[]): void {
  const loose = protein.filter(isComplete).flatMap((residue) => {
    const atoms = heavyAtoms(residue);
    return atoms
      .filter((atom) =>
        atoms.every((other) => other === atom || distance(atom.position, other.position) > LOOSE_ANGSTROM),
      )
      .map((atom) => `${labelOf(residue)} ${atom.name}`);
  });
  if (loose.length === 0) return;
  throw refusal(
    "content_base64",
    `atoms lie more than ${LOOSE_ANGSTROM} Å from the rest of their residue: ${someOf(loose)}: mend the file`,
  );
}

/** A note on residues of the mirror handedness: D-amino acids, or coordinates that somebody mirrored. */
export function handednessNotes(protein: readonly PdbResidue[]): string[] {
  const mirrored = protein.filter((residue) => (handedness(residue) ?? 1) < 0).map(labelOf);
  if (mirrored.length === 0) return [];
  const what =
    mirrored.length === 1 ? "1 residue is a D-amino acid" : `${mirrored.length} residues are D-amino acids`;
  return [`${what} by the coordinates: ${someOf(mirrored)}; check that the file is not mirrored`];
}

/** In Å³: above 0 for an L-amino acid ("CORN": C, R and N clockwise from the hydrogen's side), null for glycine. */
function handedness(residue: PdbResidue): number | null {
  const [n, ca, c, cb] = ["N", "CA", "C", "CB"].map((name) => atomOf(residue, name)?.position);
  if (n === undefined || ca === undefined || c === undefined || cb === undefined) return null;
  const from = (atom: Position) => subtract(atom, ca);
  return dot(from(n), cross(from(c), from(cb)));
}

function isComplete(residue: PdbResidue): boolean {
  const wanted = templateOf(residue.name)?.atoms ?? [];
  return wanted.every(({ name }) => atomOf(residue, name) !== undefined);
}
