import type { Position } from "../structures/geometry.ts";
import { add, cross, perpendicular, subtract, unit } from "../structures/vectors.ts";
import type { DonorRule } from "./templates.ts";

/** Bond lengths of polar hydrogens in Å, by the heavy atom's element. */
const LENGTHS: Record<string, number> = { N: 1.01, O: 0.96, S: 1.34 };

const TETRAHEDRAL = 109.47;
/** Angle at the donor in degrees; thiols are narrow (methanethiol 96.5°, as its microwave spectrum has it). */
const STAGGERED_ANGLES: Record<string, number> = { N: TETRAHEDRAL, O: TETRAHEDRAL, S: 96.5 };
const WATER_ANGLE = 104.52;

/**
 * A point by its distance to `c` (Å), the angle over `b` and the torsion against `a` (degrees); torsion 0
 * is on the side of `a`. Where a, b, c lie on one line the torsion is counted from any plane.
 */
export function place(
  a: Position,
  b: Position,
  c: Position,
  internal: { distance: number; angle: number; torsion: number },
): Position {
  const axis = unit(subtract(c, b)) ?? [1, 0, 0];
  const side = perpendicular(subtract(a, b), axis);
  const [angle, torsion] = [radians(internal.angle), radians(internal.torsion)];
  const out = add(scale(side, Math.cos(torsion)), cross(axis, side), Math.sin(torsion));
  const direction = add(scale(axis, -Math.cos(angle)), out, Math.sin(angle));
  return add(c, direction, internal.distance);
}

/**
 * The hydrogens of a side chain's donor; positions in Å, exact where the references are there. Where the
 * residue is cut short they stand at the right distance in any direction, which is all that Vina reads.
 */
export function donorHydrogens(
  rule: DonorRule,
  positionOf: (atom: string) => Position | undefined,
): Position[] {
  const donor = positionOf(rule.atom);
  if (donor === undefined) return [];
  const element = rule.atom.charAt(0);
  const [first, second] = rule.references.map(positionOf);
  if (rule.shape === "between" && first !== undefined && second !== undefined)
    return [opposite(donor, first, second, element)];
  const neighbour = first ?? second ?? add(donor, [-1, 0, 0]);
  const before = (first === undefined ? undefined : second) ?? add(neighbour, [0, 1, 0]);
  if (rule.shape === "staggered") return staggered(donor, neighbour, before, rule.hydrogens, element);
  return [180, 0]
    .slice(0, rule.hydrogens)
    .map((torsion) => place(before, neighbour, donor, { distance: lengthOf(element), angle: 120, torsion }));
}

/** The hydrogen of a peptide's N between CA and the C before it. */
export function amideHydrogen(nitrogen: Position, alpha: Position, carbonBefore: Position): Position {
  return opposite(nitrogen, alpha, carbonBefore, "N");
}

/** The three hydrogens of a chain's first N, staggered against CA–C; two for PRO, around its ring. */
export function terminusHydrogens(
  nitrogen: Position,
  alpha: Position,
  carbon: Position,
  ringCarbon: Position | null,
): Position[] {
  if (ringCarbon === null) return staggered(nitrogen, alpha, carbon, 3, "N");
  const away = unit(add(directionTo(nitrogen, alpha), directionTo(nitrogen, ringCarbon))) ?? [1, 0, 0];
  const normal = perpendicular(cross(subtract(alpha, nitrogen), subtract(ringCarbon, nitrogen)), away);
  const half = radians(TETRAHEDRAL / 2);
  return [1, -1].map((sign) => {
    const direction = add(scale(away, -Math.cos(half)), normal, sign * Math.sin(half));
    return add(nitrogen, direction, lengthOf("N"));
  });
}

/** The two hydrogens of a water: one towards the first acceptor, the other as near to the second as can be. */
export function waterHydrogens(oxygen: Position, acceptors: readonly Position[]): Position[] {
  const [first, second] = acceptors.map((acceptor) => directionTo(oxygen, acceptor));
  const toward = first ?? [1, 0, 0];
  const side = perpendicular(second ?? [0, 1, 0], toward);
  const angle = radians(WATER_ANGLE);
  const other = add(scale(toward, Math.cos(angle)), side, Math.sin(angle));
  return [toward, other].map((direction) => add(oxygen, direction, lengthOf("O")));
}

function staggered(
  donor: Position,
  neighbour: Position,
  before: Position,
  count: number,
  element: string,
): Position[] {
  const angle = STAGGERED_ANGLES[element] ?? TETRAHEDRAL;
  return [180, 60, -60]
    .slice(0, count)
    .map((torsion) => place(before, neighbour, donor, { distance: lengthOf(element), angle, torsion }));
}

function opposite(donor: Position, one: Position, other: Position, element: string): Position {
  const bisector = unit(add(directionTo(donor, one), directionTo(donor, other)));
  return add(donor, bisector ?? perpendicular([0, 0, 0], directionTo(donor, one)), -lengthOf(element));
}

function directionTo(from: Position, to: Position): Position {
  return unit(subtract(to, from)) ?? [1, 0, 0];
}

function lengthOf(element: string): number {
  return LENGTHS[element] ?? 1;
}

function scale(a: Position, factor: number): Position {
  return add([0, 0, 0], a, factor);
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}
