import { AppError } from "../../errors.ts";

/** Energy in Eh, gradient in Eh/a0 with shape (n_atoms, 3), atomic numbers: the order of the input. */
export type Engrad = {
  energy_eh: number;
  gradient_eh_per_bohr: [number, number, number][];
  atomic_numbers: number[];
};

/**
 * Reads the `.engrad` file (ORCA's format, 12 decimals) that `--grad` leaves for the final geometry: three
 * headed sections of count, energy and 3n gradient lines, then number and position of each atom. Throws
 * AppError `crashed` where it is cut short.
 */
export function readEngrad(text: string): Engrad {
  const lines = text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const count = Number(lines[0]);
  const gradient = lines.slice(2, 2 + 3 * count).map(Number);
  const atoms = lines.slice(2 + 3 * count, 2 + 4 * count).map((line) => Number(line.trim().split(/\s+/)[0]));
  const values = [count, Number(lines[1]), ...gradient, ...atoms];
  if (atoms.length !== count || !values.every(Number.isFinite)) {
    throw new AppError("crashed", "xtb left a gradient file that is cut short or not finite");
  }
  return { energy_eh: Number(lines[1]), gradient_eh_per_bohr: triples(gradient), atomic_numbers: atoms };
}

function triples(flat: number[]): [number, number, number][] {
  return Array.from({ length: flat.length / 3 }, (_, atom) => {
    const [x = Number.NaN, y = Number.NaN, z = Number.NaN] = flat.slice(3 * atom, 3 * atom + 3);
    return [x, y, z];
  });
}

/** √Σg² over all components, as xtb prints it (no division by the number of atoms). */
export function gradientNorm(gradient: Engrad["gradient_eh_per_bohr"]): number {
  return Math.hypot(...gradient.flat());
}
