import { heavyGraph, type MolecularGraph, mappingOrder, pairGraphs, search } from "./matching.ts";

/** Ways to lay one molecule's heavy atoms on another's. */
export type Isomorphisms = {
  /** Shape (n_maps, n_heavy): for each heavy atom of the first, in its order, the atom of the second. */
  maps: number[][];
  /** There are, or may be, more. */
  capped: boolean;
};

/** Atoms tried before a search gives up (below a second); a drug-like molecule takes a few hundred a map. */
const STEPS = 2_000_000;

/**
 * The maps of one molecule's heavy atoms onto another's that keep elements and bonds; hydrogens and bond
 * orders are not looked at. None where the chemistry differs. At most `cap` maps are given: symmetric groups
 * multiply (each CF3 by 6), and ask for `symmetricRmsd` where only the best one matters.
 */
export function isomorphisms(a: MolecularGraph, b: MolecularGraph, cap = 20_000): Isomorphisms {
  const pairing = pairGraphs(heavyGraph(a), heavyGraph(b));
  if (pairing === null) return { maps: [], capped: false };
  const maps: number[][] = [];
  let more = false;
  const left = search(pairing, {
    order: mappingOrder(pairing, [...pairing.a.atoms.keys()]),
    found: (images) => {
      more = maps.length === cap;
      if (!more) maps.push(images.map((image) => pairing.b.atoms[image] ?? -1));
      return !more;
    },
    steps: STEPS,
  });
  return { maps, capped: more || left === 0 };
}
