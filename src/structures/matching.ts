import { neighbourLists } from "./adjacency.ts";
import type { Bond } from "./geometry.ts";

/** Elements and bonds of a molecule, hydrogens or not. */
export type MolecularGraph = { elements: readonly string[]; bonds: readonly Bond[] };

/** A molecule without its hydrogens: atoms numbered anew, `atoms` are their numbers in the molecule. */
export type HeavyGraph = { atoms: number[]; elements: string[]; neighbours: number[][] };

/** The heavy atoms of a molecule, in its order, and who is bonded to whom among them. */
export function heavyGraph({ elements, bonds }: MolecularGraph): HeavyGraph {
  const atoms = [...elements.keys()].filter((atom) => elements[atom] !== "H");
  const places = new Map(atoms.map((atom, place) => [atom, place]));
  const kept = bonds.flatMap(({ from, to }) => {
    const [a, b] = [places.get(from), places.get(to)];
    return a === undefined || b === undefined ? [] : [{ from: a, to: b }];
  });
  const own = atoms.map((atom) => elements[atom] ?? "");
  return { atoms, elements: own, neighbours: neighbourLists(atoms.length, kept) };
}

/** Two heavy graphs and a class for each atom: only atoms of one class can stand for each other. */
export type Pairing = {
  a: HeavyGraph;
  b: HeavyGraph;
  classes: number[];
  /** The atoms of `b` of each class. */
  members: number[][];
  classesOfB: number[];
};

/**
 * Sorts the atoms of two graphs into classes: element and number of neighbours first, then again and again
 * the classes of the neighbours (Weisfeiler and Leman, 1968). Null when a class has not as many atoms in
 * both, so that the graphs differ; that they do not is not proved by it.
 */
export function pairGraphs(a: HeavyGraph, b: HeavyGraph): Pairing | null {
  const first = (graph: HeavyGraph) =>
    graph.elements.map((element, i) => `${element}${graph.neighbours[i]?.length}`);
  let [count, ofA, ofB] = name(first(a), first(b));
  for (let before = 0; count > before; ) {
    before = count;
    [count, ofA, ofB] = name(refine(a, ofA), refine(b, ofB));
  }
  const members: number[][] = Array.from({ length: count }, () => []);
  for (const [atom, own] of ofB.entries()) members[own]?.push(atom);
  const sizes = new Array(count).fill(0);
  for (const own of ofA) sizes[own] += 1;
  if (members.some((list, own) => list.length !== sizes[own])) return null;
  return { a, b, classes: ofA, classesOfB: ofB, members };
}

function refine(graph: HeavyGraph, classes: number[]): string[] {
  return classes.map((own, atom) => {
    const around = (graph.neighbours[atom] ?? []).map((next) => classes[next] ?? -1).sort((x, y) => x - y);
    return `${own}:${around.join()}`;
  });
}

/** Equal labels get equal numbers, counted from 0 in order of appearance. */
function name(labelsOfA: string[], labelsOfB: string[]): [number, number[], number[]] {
  const numbers = new Map<string, number>();
  const number = (label: string) => {
    const known = numbers.get(label) ?? numbers.size;
    numbers.set(label, known);
    return known;
  };
  const [ofA, ofB] = [labelsOfA.map(number), labelsOfB.map(number)];
  return [numbers.size, ofA, ofB];
}

/**
 * An order to map the atoms of `a` in: from an atom of the rarest class outwards, ring closures as soon as
 * they can be tested, else on along the newest atom, so that one branch is done before the next.
 */
export function mappingOrder({ a, classes, members }: Pairing, subset: readonly number[]): number[] {
  const left = new Set(subset);
  const rarity = (atom: number) => members[classes[atom] ?? -1]?.length ?? 0;
  const position = new Map<number, number>();
  const order: number[] = [];
  const reach = (atom: number) => {
    const done = (a.neighbours[atom] ?? []).flatMap((next) => position.get(next) ?? []);
    return [done.length, Math.max(-1, ...done), -rarity(atom)] as const;
  };
  while (left.size > 0) {
    const [next = -1] = [...left]
      .map((atom) => ({ atom, key: reach(atom) }))
      .sort((x, y) => y.key[0] - x.key[0] || y.key[1] - x.key[1] || y.key[2] - x.key[2] || x.atom - y.atom)
      .map(({ atom }) => atom);
    left.delete(next);
    position.set(next, order.length);
    order.push(next);
  }
  return order;
}

export type Search = {
  order: readonly number[];
  /** Images of the first atoms of `order`, given instead of searched. */
  given?: readonly number[];
  /** What mapping an atom of `a` to one of `b` costs, and the least that the atoms from a place on cost. */
  cost?: (atom: number, image: number) => number;
  least?: readonly number[];
  /** Told of each map (images by atom of `a`, −1 where not mapped); false ends the search. */
  found: (images: readonly number[], cost: number) => boolean;
  /** Maps that cost this much or more are not looked for. */
  limit?: () => number;
  /** How many atoms may be tried before the search gives up. */
  steps: number;
};

/** Looks for maps of `a` onto `b` that keep classes and bonds, by backtracking; the steps left, 0 when it gave up. */
export function search({ a, b, classes, classesOfB, members }: Pairing, options: Search): number {
  const {
    order,
    given = [],
    cost = () => 0,
    least = [],
    found,
    limit = () => Number.POSITIVE_INFINITY,
  } = options;
  const images: number[] = a.atoms.map(() => -1);
  const used = new Set<number>();
  let steps = options.steps;

  const fits = (atom: number, image: number): boolean => {
    if (used.has(image) || classesOfB[image] !== classes[atom]) return false;
    // Classes have equal numbers of neighbours: with every bond of `a` kept, `b` has no other.
    return (a.neighbours[atom] ?? []).every((next) => {
      const mapped = images[next] ?? -1;
      return mapped < 0 || (b.neighbours[image]?.includes(mapped) ?? false);
    });
  };
  const candidates = (place: number, atom: number): readonly number[] => {
    const only = given[place];
    if (only !== undefined) return [only];
    const anchor = (a.neighbours[atom] ?? []).find((next) => (images[next] ?? -1) >= 0);
    const all = anchor === undefined ? members[classes[atom] ?? -1] : b.neighbours[images[anchor] ?? -1];
    return (all ?? []).toSorted((x, y) => cost(atom, x) - cost(atom, y));
  };
  /** True while the search goes on. */
  const extend = (place: number, sum: number): boolean => {
    const atom = order[place];
    if (atom === undefined) return found(images, sum);
    for (const image of candidates(place, atom)) {
      if (steps === 0) return false;
      steps -= 1;
      if (!fits(atom, image)) continue;
      const next = sum + cost(atom, image);
      if (next + (least[place + 1] ?? 0) >= limit()) continue;
      images[atom] = image;
      used.add(image);
      const on = extend(place + 1, next);
      images[atom] = -1;
      used.delete(image);
      if (!on) return false;
    }
    return true;
  };
  extend(0, 0);
  return steps;
}
