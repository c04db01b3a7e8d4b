import type { HeavyGraph, Pairing } from "./matching.ts";

export type Folded = {
  /** Atoms of `a` that a search has to map; the others are leaves of one of them. */
  core: number[];
  /** What it costs to lay a core atom with its leaves on another with its own, leaves placed best. */
  cost: (atom: number, image: number) => number;
  /** Ways in which leaves change places while the core stays. */
  permutations: number;
};

/**
 * Takes atoms with one neighbour out of a search for the cheapest map. Once their neighbour is placed they
 * change places among themselves only, so the best way is worked out there and then: otherwise every CF3,
 * tert-butyl and sulfonyl would multiply the maps by 6 or 2.
 */
export function foldLeaves(pairing: Pairing, cost: (atom: number, image: number) => number): Folded {
  const { a, b, classes, classesOfB } = pairing;
  const [leavesOfA, leavesOfB] = [leavesOf(a, classes), leavesOf(b, classesOfB)];
  const known = new Map<number, number>();
  const withLeaves = (atom: number, image: number): number => {
    if (classes[atom] !== classesOfB[image]) return Number.POSITIVE_INFINITY;
    let sum = cost(atom, image);
    for (const [own, list] of leavesOfA[atom] ?? [])
      sum += assign(list, leavesOfB[image]?.get(own) ?? [], cost);
    return sum;
  };
  return {
    core: [...a.atoms.keys()].filter((atom) => !isLeaf(a, atom)),
    cost: (atom, image) => {
      const key = atom * b.atoms.length + image;
      const sum = known.get(key) ?? withLeaves(atom, image);
      known.set(key, sum);
      return sum;
    },
    permutations: leavesOfA
      .flatMap((groups) => [...groups.values()])
      .reduce((product, list) => product * factorial(list.length), 1),
  };
}

/** One neighbour, which itself has more: of two atoms on their own neither is a leaf. */
function isLeaf({ neighbours }: HeavyGraph, atom: number): boolean {
  const [only, ...more] = neighbours[atom] ?? [];
  return only !== undefined && more.length === 0 && (neighbours[only]?.length ?? 0) > 1;
}

/** For each atom its leaves by class. */
function leavesOf(graph: HeavyGraph, classes: readonly number[]): Map<number, number[]>[] {
  return graph.neighbours.map((around) => {
    const groups = new Map<number, number[]>();
    for (const next of around) {
      if (!isLeaf(graph, next)) continue;
      const own = classes[next] ?? -1;
      groups.set(own, [...(groups.get(own) ?? []), next]);
    }
    return groups;
  });
}

/** The least cost of giving each of `atoms` one of as many `images`: exact, by sets of images used. */
function assign(
  atoms: readonly number[],
  images: readonly number[],
  cost: (atom: number, image: number) => number,
): number {
  let sums = new Map([[0, 0]]);
  for (const atom of atoms) {
    const next = new Map<number, number>();
    for (const [used, sum] of sums)
      for (const [place, image] of images.entries()) {
        const bit = 1 << place;
        if (used & bit) continue;
        const total = sum + cost(atom, image);
        if (total < (next.get(used | bit) ?? Number.POSITIVE_INFINITY)) next.set(used | bit, total);
      }
    sums = next;
  }
  return Math.min(...sums.values());
}

function factorial(n: number): number {
  return n < 2 ? 1 : n * factorial(n - 1);
}
