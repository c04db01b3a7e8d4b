import type { Bond } from "./geometry.ts";

/** The atoms bonded to each atom, ascending, shape (n_atoms); bonds name atoms by 0-based index. */
export function neighbourLists(atoms: number, bonds: readonly Pick<Bond, "from" | "to">[]): number[][] {
  const lists: number[][] = Array.from({ length: atoms }, () => []);
  for (const { from, to } of bonds) {
    lists[from]?.push(to);
    lists[to]?.push(from);
  }
  for (const list of lists) list.sort((a, b) => a - b);
  return lists;
}

/** The connected parts of a graph given as neighbour lists: atoms ascending, parts by their first atom. */
export function connectedParts(neighbours: readonly (readonly number[])[]): number[][] {
  const seen = new Set<number>();
  const parts: number[][] = [];
  for (const start of neighbours.keys()) {
    if (seen.has(start)) continue;
    const part = [start];
    seen.add(start);
    // `part` grows while it is walked: a queue without a second array.
    for (const atom of part)
      for (const next of neighbours[atom] ?? [])
        if (!seen.has(next)) {
          seen.add(next);
          part.push(next);
        }
    parts.push(part.sort((a, b) => a - b));
  }
  return parts;
}
