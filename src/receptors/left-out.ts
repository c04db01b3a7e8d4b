import { BOND_TOLERANCE_ANGSTROM, COVALENT_RADII_ANGSTROM } from "../structures/bonds.ts";
import { addToGrid, type Grid, nearby } from "./grid.ts";
import type { PdbResidue } from "./pdb.ts";
import type { HetLeftOut } from "./report.ts";
import { heavyAtoms, labelOf, placeOf } from "./residues.ts";
import { isMeant } from "./select.ts";
import type { Chosen } from "./selection.ts";

/** The longest bond looked for, in Å: the reach of the radii between a protein's atom and any other. */
const LONGEST_ANGSTROM = 3.5;

type Bonded = { residue: PdbResidue; radius: number };

/** Every ligand, buffer and ion of the file with the reason why it is not part of the receptor. */
export function hetsLeftOut({ hets, protein, leftOut }: Chosen, dropped: readonly string[]): HetLeftOut[] {
  if (hets.length === 0) return [];
  const grid: Grid<Bonded> = new Map();
  for (const residue of protein)
    for (const atom of heavyAtoms(residue))
      addToGrid(grid, atom.position, { residue, radius: radiusOf(atom.element) });
  return hets.map((het) => ({
    label: labelOf(het),
    name: het.name,
    chain: het.chain,
    number: het.number,
    insertion_code: het.insertion,
    atoms: heavyAtoms(het).length,
    reason: reasonOf(het, leftOut, dropped),
    bonded_to: partnerOf(het, grid),
  }));
}

function reasonOf(
  het: PdbResidue,
  leftOut: readonly string[],
  dropped: readonly string[],
): HetLeftOut["reason"] {
  if (dropped.some((selector) => isMeant(het, selector))) return "dropped_by_request";
  return leftOut.includes(het.chain) ? "chain_not_chosen" : "not_protein";
}

function partnerOf(het: PdbResidue, grid: Grid<Bonded>): string | null {
  for (const atom of heavyAtoms(het)) {
    const reach = radiusOf(atom.element) + BOND_TOLERANCE_ANGSTROM;
    const bonded = nearby(grid, atom.position, LONGEST_ANGSTROM).find(
      ({ item, distance }) => distance <= item.radius + reach,
    );
    if (bonded !== undefined) return placeOf(bonded.item.residue);
  }
  return null;
}

function radiusOf(element: string): number {
  return COVALENT_RADII_ANGSTROM.get(element) ?? Number.NaN;
}
