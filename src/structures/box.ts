import { AppError } from "../errors.ts";
import type { Position } from "./geometry.ts";

/** A search box in Å: its middle and its full side lengths along x, y, z. */
export type Box = { center_angstrom: Position; size_angstrom: Position };

/** Room on each side of a ligand, in Å: poses differ from it, and side chains of the ligand reach out. */
export const PADDING_ANGSTROM = 5;
/** A box around a small ligand is no smaller than this on a side, in Å: larger ligands are docked there too. */
export const LEAST_SIDE_ANGSTROM = 18;
/** Above this on a side, in Å, a search finds less for the same effort; it takes a word to want it. */
export const USUAL_SIDE_ANGSTROM = 30;
/** Above this on a side, in Å, the program's grids no longer fit in memory. */
export const MOST_SIDE_ANGSTROM = 100;
const FARTHEST_ANGSTROM = 9999;

/** The box around positions: 5 Å more on each side, at least 18 Å a side, rounded to 0.001 Å as engines read it. */
export function boxAround(positions: readonly Position[], padding = PADDING_ANGSTROM): Box {
  const spans = [0, 1, 2].map((axis) => {
    const values = positions.map((position) => position[axis] ?? Number.NaN);
    return [Math.min(...values), Math.max(...values)] as const;
  });
  const center = spans.map(([low, high]) => rounded((low + high) / 2));
  const size = spans.map(([low, high]) => rounded(Math.max(LEAST_SIDE_ANGSTROM, high - low + 2 * padding)));
  return { center_angstrom: triple(center), size_angstrom: triple(size) };
}

/** Whether a position lies in the box or on its faces. */
export function isInside(box: Box, position: Position): boolean {
  return position.every((value, axis) => {
    const half = (box.size_angstrom[axis] ?? Number.NaN) / 2;
    return Math.abs(value - (box.center_angstrom[axis] ?? Number.NaN)) <= half;
  });
}

/**
 * Refuses a box that no search should start in: NaN or far away, sides of zero or less, above 30 Å unless
 * `large`, above 100 Å in any case. Throws AppError bad_input naming the side.
 */
export function checkBox(box: Box, options: { large?: boolean } = {}): void {
  for (const [axis, name] of (["x", "y", "z"] as const).entries()) {
    const center = box.center_angstrom[axis] ?? Number.NaN;
    if (!Number.isFinite(center) || Math.abs(center) > FARTHEST_ANGSTROM)
      throw refused(`center_${name}_angstrom`, `the middle of the box is ${center} Å along ${name}`);
    const size = box.size_angstrom[axis] ?? Number.NaN;
    if (!Number.isFinite(size) || size <= 0)
      throw refused(`size_${name}_angstrom`, `the box is ${size} Å wide along ${name}: it must be above 0`);
    if (size > MOST_SIDE_ANGSTROM)
      throw refused(`size_${name}_angstrom`, `the box is ${size} Å wide along ${name}: at most 100 Å`);
    if (size > USUAL_SIDE_ANGSTROM && options.large !== true)
      throw refused(
        `size_${name}_angstrom`,
        `the box is ${size} Å wide along ${name}: above 30 Å say \`large_box\`, and raise \`exhaustiveness\``,
      );
  }
}

function refused(path: string, rule: string): AppError {
  return new AppError("bad_input", rule, { fields: [{ path, rule }] });
}

function rounded(value: number): number {
  return Number(value.toFixed(3)) + 0;
}

function triple([x = Number.NaN, y = Number.NaN, z = Number.NaN]: number[]): Position {
  return [x, y, z];
}
