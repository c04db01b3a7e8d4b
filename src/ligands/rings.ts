import { connectedParts, neighbourLists } from "../structures/adjacency.ts";
import type { Bond } from "../structures/geometry.ts";

/** Whether each bond is part of a ring, in the order of the bonds: those without which the molecule stays whole. */
export function ringBonds(atoms: number, bonds: readonly Bond[]): boolean[] {
  const links = linksOf(atoms, bonds);
  const depth: number[] = new Array(atoms).fill(-1);
  const lowest: number[] = new Array(atoms).fill(-1);
  const inRing = bonds.map(() => true);
  // Tarjan's bridges: a bond is one when nothing below it leads back above it. Walked without recursion.
  for (let start = 0; start < atoms; start += 1) {
    if (depth[start] !== -1) continue;
    depth[start] = lowest[start] = 0;
    const path = [{ atom: start, by: -1, next: 0 }];
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const link = links[top.atom]?.[top.next];
      top.next += 1;
      if (link === undefined) {
        path.pop();
        const above = path.at(-1);
        if (above === undefined) continue;
        lowest[above.atom] = Math.min(lowest[above.atom] ?? 0, lowest[top.atom] ?? 0);
        if ((lowest[top.atom] ?? 0) > (depth[above.atom] ?? 0)) inRing[top.by] = false;
      } else if (link.bond !== top.by) {
        if (depth[link.atom] === -1) {
          depth[link.atom] = lowest[link.atom] = path.length;
          path.push({ atom: link.atom, by: link.bond, next: 0 });
        } else lowest[top.atom] = Math.min(lowest[top.atom] ?? 0, depth[link.atom] ?? 0);
      }
    }
  }
  return inRing;
}

/**
 * How many rings of a smallest set of rings have more than `size` atoms. That number is one for every such
 * set: all independent rings, less those that rings of at most `size` atoms span.
 */
export function countLargerRings(atoms: number, bonds: readonly Bond[], size: number): number {
  const inRing = ringBonds(atoms, bonds);
  const cyclic = bonds.filter((_, bond) => inRing[bond]);
  const ringAtoms = new Set(cyclic.flatMap(({ from, to }) => [from, to]));
  const parts = connectedParts(neighbourLists(atoms, cyclic)).filter((part) => part.length > 1).length;
  const independent = cyclic.length - ringAtoms.size + parts;
  return independent - rank(smallRings(atoms, cyclic, size));
}

type Link = { atom: number; bond: number };

function linksOf(atoms: number, bonds: readonly Bond[]): Link[][] {
  const links: Link[][] = Array.from({ length: atoms }, () => []);
  for (const [bond, { from, to }] of bonds.entries()) {
    links[from]?.push({ atom: to, bond });
    links[to]?.push({ atom: from, bond });
  }
  return links;
}

/** Every ring of at most `size` atoms, as a set of bonds: bit n for bond n. */
function smallRings(atoms: number, bonds: readonly Bond[], size: number): Set<bigint> {
  const links = linksOf(atoms, bonds);
  const rings = new Set<bigint>();
  const onPath = new Set<number>();
  const walk = (start: number, atom: number, length: number, path: bigint): void => {
    onPath.add(atom);
    for (const link of links[atom] ?? []) {
      if (link.atom === start && length > 2) rings.add(path | (1n << BigInt(link.bond)));
      // A ring is found from its lowest atom.
      if (link.atom <= start || length === size || onPath.has(link.atom)) continue;
      walk(start, link.atom, length + 1, path | (1n << BigInt(link.bond)));
    }
    onPath.delete(atom);
  };
  for (let start = 0; start < atoms; start += 1) walk(start, start, 1, 0n);
  return rings;
}

/** Rank over GF(2). */
function rank(rows: Iterable<bigint>): number {
  const basis = new Map<number, bigint>();
  for (const row of rows) {
    let rest = row;
    while (rest !== 0n) {
      const lead = rest.toString(2).length;
      const known = basis.get(lead);
      if (known === undefined) {
        basis.set(lead, rest);
        break;
      }
      rest ^= known;
    }
  }
  return basis.size;
}
