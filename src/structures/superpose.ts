import { AppError } from "../errors.ts";
import type { Position } from "./geometry.ts";
import { add, dot, squaredDistance, subtract } from "./vectors.ts";

/** A 3 × 3 matrix by rows. */
export type Matrix3 = readonly [Position, Position, Position];

/** A rigid motion: x → rotation · x + translation, in Å. The rotation is proper: it never mirrors. */
export type RigidTransform = { rotation: Matrix3; translation: Position };

/**
 * The rigid motion that brings `moving` onto `fixed`, pairwise and with equal weights, with the least
 * sum of squares; `rmsd_angstrom` is what remains. Both have shape (n, 3) in Å, n ≥ 3. Of mirror images
 * the best proper fit is given; where points lie on one line it is one of many equally good ones.
 * Closed form by unit quaternions: Horn, J. Opt. Soc. Am. A 4, 629 (1987), doi:10.1364/JOSAA.4.000629.
 * AppError `bad_input` for fewer than three points, unequal counts or coordinates that are not finite.
 */
export function superpose(
  moving: readonly Position[],
  fixed: readonly Position[],
): RigidTransform & { rmsd_angstrom: number } {
  check(moving, fixed);
  const [from, to] = [centroid(moving), centroid(fixed)];
  const rotation = rotationOf(largestEigenvector(keyMatrix(products(moving, from, fixed, to))));
  const turned = turn(rotation, from);
  const translation = subtract(to, turned);
  const fit = { rotation, translation };
  // From the atoms themselves: the eigenvalue's formula loses half the digits where the fit is exact.
  const squares = moving.map((position, index) => squaredDistance(transform(fit, position), fixed[index]));
  return { ...fit, rmsd_angstrom: Math.sqrt(sum(squares) / squares.length) };
}

/** A position in Å after a rigid motion. */
export function transform({ rotation, translation }: RigidTransform, position: Position): Position {
  return add(turn(rotation, position), translation);
}

function check(moving: readonly Position[], fixed: readonly Position[]): void {
  if (moving.length !== fixed.length)
    throw new AppError("bad_input", `${moving.length} points cannot be laid on ${fixed.length}: give pairs`);
  if (moving.length < 3)
    throw new AppError("bad_input", `a superposition needs 3 points or more, not ${moving.length}`);
  if (![moving, fixed].every((points) => points.flat().every(Number.isFinite)))
    throw new AppError("bad_input", "a superposition needs finite coordinates in Å");
}

function turn(rotation: Matrix3, position: Position): Position {
  const [a, b, c] = rotation;
  return [dot(a, position), dot(b, position), dot(c, position)];
}

function centroid(points: readonly Position[]): Position {
  const mean = (axis: 0 | 1 | 2) => sum(points.map((point) => point[axis])) / points.length;
  return [mean(0), mean(1), mean(2)];
}

/** S of Horn's section 4: sums of products of the centred coordinates, moving by row, fixed by column. */
function products(
  moving: readonly Position[],
  from: Position,
  fixed: readonly Position[],
  to: Position,
): Matrix3 {
  const at = (row: 0 | 1 | 2, column: 0 | 1 | 2) =>
    sum(moving.map((point, i) => (point[row] - from[row]) * ((fixed[i]?.[column] ?? 0) - to[column])));
  return [
    [at(0, 0), at(0, 1), at(0, 2)],
    [at(1, 0), at(1, 1), at(1, 2)],
    [at(2, 0), at(2, 1), at(2, 2)],
  ];
}

/** N of Horn's section 4: its eigenvector of the largest eigenvalue is the rotation's quaternion. */
function keyMatrix([[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]]: Matrix3): number[][] {
  return [
    [xx + yy + zz, yz - zy, zx - xz, xy - yx],
    [yz - zy, xx - yy - zz, xy + yx, zx + xz],
    [zx - xz, xy + yx, yy - xx - zz, yz + zy],
    [xy - yx, zx + xz, yz + zy, zz - xx - yy],
  ];
}

function rotationOf([w, x, y, z]: readonly [number, number, number, number]): Matrix3 {
  return [
    [w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (y * x + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)],
    [2 * (z * x - w * y), 2 * (z * y + w * x), w * w - x * x - y * y + z * z],
  ];
}

const PAIRS = [
  [0, 1],
  [0, 2],
  [0, 3],
  [1, 2],
  [1, 3],
  [2, 3],
] as const;

/** More than any 4 × 4 needs: off-diagonal sums fall quadratically, to nothing within ten. */
const SWEEPS = 50;

/** The unit eigenvector of the largest eigenvalue of a symmetric 4 × 4 matrix, by cyclic Jacobi rotations. */
function largestEigenvector(symmetric: number[][]): [number, number, number, number] {
  const a = symmetric.map((row) => Float64Array.from(row));
  const vectors = a.map((_, row) => Float64Array.from([0, 1, 2, 3], (column) => (row === column ? 1 : 0)));
  for (let sweep = 0; sweep < SWEEPS && PAIRS.some(([p, q]) => a[p]?.[q] !== 0); sweep += 1)
    for (const [p, q] of PAIRS) annihilate(a, vectors, p, q);
  const values = [0, 1, 2, 3].map((index) => a[index]?.[index] ?? 0);
  const best = values.indexOf(Math.max(...values));
  const [w = 1, x = 0, y = 0, z = 0] = vectors.map((row) => row[best] ?? 0);
  const norm = Math.hypot(w, x, y, z);
  return [w / norm, x / norm, y / norm, z / norm];
}

/** One Jacobi rotation, which makes a[p][q] zero; `vectors` collects the rotations by column. */
function annihilate(a: Float64Array[], vectors: Float64Array[], p: number, q: number): void {
  const off = a[p]?.[q] ?? 0;
  if (off === 0) return;
  const theta = ((a[q]?.[q] ?? 0) - (a[p]?.[p] ?? 0)) / (2 * off);
  const tangent = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const cosine = 1 / Math.hypot(tangent, 1);
  const sine = tangent * cosine;
  for (const row of a) mix(row, p, q, cosine, sine);
  const [rowP, rowQ] = [a[p], a[q]];
  if (rowP === undefined || rowQ === undefined) return;
  for (let column = 0; column < 4; column += 1) {
    const [one = 0, other = 0] = [rowP[column], rowQ[column]];
    rowP[column] = cosine * one - sine * other;
    rowQ[column] = sine * one + cosine * other;
  }
  // Rounding leaves a trace here; it is zero by construction.
  [rowP[q], rowQ[p]] = [0, 0];
  for (const row of vectors) mix(row, p, q, cosine, sine);
}

function mix(row: Float64Array, p: number, q: number, cosine: number, sine: number): void {
  const [one = 0, other = 0] = [row[p], row[q]];
  row[p] = cosine * one - sine * other;
  row[q] = sine * one + cosine * other;
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
