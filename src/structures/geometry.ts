import { decimal } from "../canonical.ts";
import { sha256 } from "../ids.ts";
import { BOHR_ANGSTROM } from "../units.ts";

/** A position in ångström: x, y, z. */
export type Position = readonly [number, number, number];

/** Atoms in space: element symbols and positions in Å, shape (n_atoms, 3), in the order of the input. */
export type Geometry = { elements: string[]; positions_angstrom: Position[] };

/** A bond between two atoms by 0-based index, `from < to`; order 1, 2, 3, or 1.5 where aromatic. */
export type Bond = { from: number; to: number; order: number };

/**
 * The hash of a geometry as it stands: elements and positions in bohr at 8 decimals, order kept,
 * negative zero removed. Equal atoms in another order or place are another geometry.
 */
export function geometryHash(geometry: Geometry): string {
  const lines = geometry.elements.map((element, index) => {
    const [x, y, z] = geometry.positions_angstrom[index] ?? [Number.NaN, Number.NaN, Number.NaN];
    return `${element} ${bohr(x)} ${bohr(y)} ${bohr(z)}`;
  });
  return sha256(lines.join("\n"));
}

function bohr(angstrom: number): string {
  return decimal(angstrom / BOHR_ANGSTROM, 8);
}
