import type { Position } from "../structures/geometry.ts";
import { distance } from "../structures/vectors.ts";

/** As far as a grid can look, in Å. */
export const GRID_REACH_ANGSTROM = 4;

/** Points in cubes of 4 Å, found again by place instead of by trying all. */
export type Grid<T> = Map<number, { position: Position; item: T }[]>;

export function addToGrid<T>(grid: Grid<T>, position: Position, item: T): void {
  const [i, j, k] = cellOf(position);
  const key = cellKey(i, j, k);
  const cell = grid.get(key);
  if (cell === undefined) grid.set(key, [{ position, item }]);
  else cell.push({ position, item });
}

/** What lies within `reach` (≤ 4 Å) of a position, nearest first; in an order that depends on the points only. */
export function nearby<T>(grid: Grid<T>, position: Position, reach: number): { item: T; distance: number }[] {
  const [i, j, k] = cellOf(position);
  const keys = new Set<number>();
  for (const x of [i - 1, i, i + 1])
    for (const y of [j - 1, j, j + 1]) for (const z of [k - 1, k, k + 1]) keys.add(cellKey(x, y, z));
  const found: { item: T; distance: number }[] = [];
  for (const key of keys)
    for (const other of grid.get(key) ?? []) {
      const apart = distance(position, other.position);
      if (apart <= reach) found.push({ item: other.item, distance: apart });
    }
  return found.sort((a, b) => a.distance - b.distance);
}

function cellOf(position: Position): Position {
  const cell = (value: number) => Math.floor(value / GRID_REACH_ANGSTROM);
  return [cell(position[0]), cell(position[1]), cell(position[2])];
}

/** Cubes may share a key: distances decide, so that only costs time. */
function cellKey(i: number, j: number, k: number): number {
  return Math.imul(i, 73_856_093) ^ Math.imul(j, 19_349_663) ^ Math.imul(k, 83_492_791);
}
