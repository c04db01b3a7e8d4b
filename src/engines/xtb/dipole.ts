import type { Geometry } from "../../structures/geometry.ts";
import { AU_DEBYE, BOHR_ANGSTROM } from "../../units.ts";
import { atomicWeight } from "./elements.ts";
import type { XtbJson } from "./json.ts";

export type Vector = [number, number, number];

/**
 * Σ q r + Σ μ in e·a0 about the coordinate origin: how GFN2 composes its molecular dipole from Mulliken
 * charges and atomic dipoles (Bannwarth et al., J. Chem. Theory Comput. 15, 1652 (2019)). The JSON has both for the final geometry with 8 decimals, where the log prints 3. Null without atomic dipoles
 * (GFN1).
 */
export function summedDipole(json: XtbJson, geometry: Geometry): Vector | null {
  const atomic = json["atomic dipole moments"];
  if (atomic === undefined) return null;
  const axis = (k: 0 | 1 | 2) =>
    geometry.positions_angstrom.reduce((sum, position, atom) => {
      const charge = json["partial charges"][atom] ?? Number.NaN;
      return sum + (charge * position[k]) / BOHR_ANGSTROM + (atomic[atom]?.[k] ?? Number.NaN);
    }, 0);
  return [axis(0), axis(1), axis(2)];
}

/** Whether two dipoles agree to the decimals that one of them was printed with. */
export function dipolesAgree(a: Vector, b: Vector, tolerance_au: number): boolean {
  return a.every((value, k) => Math.abs(value - (b[k] ?? Number.NaN)) <= tolerance_au);
}

/**
 * A dipole in debye that does not depend on where the molecule lies. xtb's own origin is that of the
 * coordinates (NH4+ moved by 10 Å gains 48.03 D), so for an ion Q·R is subtracted, R being the centre of
 * mass with standard atomic weights. A neutral molecule has no need of it.
 */
export function dipoleDebye(dipole_au: Vector, charge: number, geometry: Geometry): Vector {
  const centre = charge === 0 ? [0, 0, 0] : centreOfMass(geometry);
  const shifted = (k: 0 | 1 | 2) => (dipole_au[k] - (charge * (centre[k] ?? 0)) / BOHR_ANGSTROM) * AU_DEBYE;
  return [shifted(0), shifted(1), shifted(2)];
}

/** Σ m r / Σ m in Å. */
export function centreOfMass(geometry: Geometry): Vector {
  const weights = geometry.elements.map(atomicWeight);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const axis = (k: 0 | 1 | 2) =>
    geometry.positions_angstrom.reduce((sum, position, atom) => sum + (weights[atom] ?? 0) * position[k], 0);
  return [axis(0) / total, axis(1) / total, axis(2) / total];
}
