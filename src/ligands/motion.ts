import type { Position } from "../structures/geometry.ts";
import { type Matrix3, type RigidTransform, superpose, transform } from "../structures/superpose.ts";
import { add, cross, dot, NOWHERE, norm, subtract, unit } from "../structures/vectors.ts";

/** Points no farther than this from one line, in Å, say nothing of a turn about it: PDBQT's last decimal. */
const LINE_ANGSTROM = 0.001;

/**
 * The rigid motion that brings `from` onto `to`, pairwise, shape (n, 3) in Å, n ≥ 1. Of one point it is a
 * shift; of points on a line the shortest turn of that line, as nothing is known of the turn about it.
 */
export function fragmentMotion(from: readonly Position[], to: readonly Position[]): RigidTransform {
  const [here, there] = [middle(from), middle(to)];
  const line = lineOf(from);
  if (line === null) return superpose(from, to);
  const [a, b] = line;
  const rotation = a === b ? IDENTITY : shortestTurn(between(from, a, b), between(to, a, b));
  return { rotation, translation: subtract(there, transform({ rotation, translation: [0, 0, 0] }, here)) };
}

const IDENTITY: Matrix3 = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
];

/** The two points between which a line through all of them runs, one and the same for one point; null for none. */
function lineOf(points: readonly Position[]): readonly [number, number] | null {
  const start = 0;
  const end = farthest(points, (point) => norm(subtract(point, at(points, start))));
  const along = direction(between(points, start, end));
  const off = (point: Position) => norm(cross(subtract(point, at(points, start)), along));
  const worst = farthest(points, off);
  return off(at(points, worst)) < LINE_ANGSTROM ? [start, end] : null;
}

function farthest(points: readonly Position[], distance: (point: Position) => number): number {
  return points.reduce(
    (best, point, index) => (distance(point) > distance(at(points, best)) ? index : best),
    0,
  );
}

/** The smallest rotation that turns one direction into another (Rodrigues' formula). */
function shortestTurn(from: Position, to: Position): Matrix3 {
  const [u, v] = [direction(from), direction(to)];
  const cosine = dot(u, v);
  // Opposite directions: half a turn about anything square to them.
  if (cosine < -1 + 1e-12) return halfTurn(direction(squareTo(u)));
  const [x, y, z] = cross(u, v);
  const k = 1 / (1 + cosine);
  return [
    [cosine + k * x * x, k * x * y - z, k * x * z + y],
    [k * x * y + z, cosine + k * y * y, k * y * z - x],
    [k * x * z - y, k * y * z + x, cosine + k * z * z],
  ];
}

function halfTurn([x, y, z]: Position): Matrix3 {
  return [
    [2 * x * x - 1, 2 * x * y, 2 * x * z],
    [2 * x * y, 2 * y * y - 1, 2 * y * z],
    [2 * x * z, 2 * y * z, 2 * z * z - 1],
  ];
}

function squareTo([x, y, z]: Position): Position {
  return Math.abs(x) < 0.6 ? [0, z, -y] : [y, -x, 0];
}

function middle(points: readonly Position[]): Position {
  const sum = points.reduce<Position>((total, point) => add(total, point), [0, 0, 0]);
  return [sum[0] / points.length, sum[1] / points.length, sum[2] / points.length];
}

function at(points: readonly Position[], index: number): Position {
  return points[index] ?? NOWHERE;
}

function between(points: readonly Position[], from: number, to: number): Position {
  return subtract(at(points, to), at(points, from));
}

/** Zero stays zero: the line through one point has no direction. */
function direction(a: Position): Position {
  return unit(a) ?? a;
}
