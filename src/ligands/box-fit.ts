import { AppError } from "../errors.ts";
import type { Box } from "../structures/box.ts";
import type { Position } from "../structures/geometry.ts";
import { principalExtents } from "./extents.ts";
import type { PreparedLigand } from "./ligand.ts";

/**
 * Refuses a box that a ligand can't be in: Vina does not, and after a full search reports poses of a million
 * kcal/mol. The cube root of the box's volume must be at least twice the ligand's radius of gyration (heavy
 * atoms of the conformer, equal weights), and every rigid fragment must fit with its length, width and
 * thickness along the box's sides. AppError `bad_input` for sides that are not positive numbers,
 * `engine_refused` with code `ligand_larger_than_box` else.
 */
export function checkLigandFits(prepared: PreparedLigand, box: Box): void {
  if (!box.size_angstrom.every((side) => Number.isFinite(side) && side > 0))
    throw new AppError(
      "bad_input",
      `the box is ${sizes(box.size_angstrom)} Å: every side must be above 0 Å`,
      {
        fields: [{ path: "/box/size_angstrom", rule: "finite and above 0" }],
      },
    );
  const positions = heavyPositions(prepared, [...prepared.ligand.geometry.elements.keys()]);
  const across = 2 * radiusOfGyration(positions);
  if (Math.cbrt(box.size_angstrom.reduce((product, side) => product * side, 1)) < across)
    throw tooLarge(`the ligand is about ${across.toFixed(1)} Å across (twice its radius of gyration)`, box);
  const sides = box.size_angstrom.toSorted((a, b) => b - a);
  for (const fragment of prepared.fragments) {
    const extents = principalExtents(heavyPositions(prepared, fragment));
    if (extents.every((extent, axis) => extent <= (sides[axis] ?? 0))) continue;
    throw tooLarge(`a rigid part of the ligand measures ${sizes(extents)} Å`, box);
  }
}

function heavyPositions({ ligand }: PreparedLigand, atoms: readonly number[]): Position[] {
  const { elements, positions_angstrom: positions } = ligand.geometry;
  return atoms.flatMap((atom) => (elements[atom] === "H" ? [] : [positions[atom] ?? [0, 0, 0]]));
}

/** √(Σ|r − r̄|² / n) in Å, of equal weights. */
function radiusOfGyration(points: readonly Position[]): number {
  const mean = ([0, 1, 2] as const).map((axis) => sum(points.map((point) => point[axis])) / points.length);
  const squares = points.flatMap((point) => point.map((value, axis) => (value - (mean[axis] ?? 0)) ** 2));
  return Math.sqrt(sum(squares) / points.length);
}

function tooLarge(what: string, box: Box): AppError {
  const rule = `${what}, the box ${sizes(box.size_angstrom)} Å: make the box larger, or dock a smaller ligand`;
  return new AppError("engine_refused", rule, {
    code: "ligand_larger_than_box",
    fields: [{ path: "/box/size_angstrom", rule }],
  });
}

function sizes(values: readonly number[]): string {
  return values.map((value) => value.toFixed(1)).join(" × ");
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
