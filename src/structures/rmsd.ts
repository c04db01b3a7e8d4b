import type { Bond, Geometry, Position } from "./geometry.ts";
import { foldLeaves } from "./leaves.ts";
import { heavyGraph, mappingOrder, type Pairing, pairGraphs, search } from "./matching.ts";
import { squaredDistance } from "./vectors.ts";

/** A molecule in its place: Å in the frame of whatever it is compared in. */
export type PlacedMolecule = { geometry: Geometry; bonds: readonly Bond[] };

export type SymmetricRmsd = {
  rmsd_angstrom: number;
  /** Ways to lay the reference's heavy atoms on themselves. */
  automorphisms: number;
  /** The search gave up: the RMSD is the least found and may be too large, automorphisms may be too few. */
  capped: boolean;
};

/** Atoms tried before a search gives up, about a second; drug-like molecules take some hundreds. */
const STEPS = 5_000_000;

/**
 * Root mean square deviation of the heavy atoms where they stand, without superposition, least over all ways
 * to lay one molecule on the other that keep elements and bonds (bond orders are not looked at, so that a
 * carboxylate's oxygens are alike). Null where the heavy atoms are other elements or bonded otherwise.
 * `positions` takes the place of the reference's own, atom by atom: its symmetry mate, for instance.
 */
export function symmetricRmsd(
  reference: PlacedMolecule,
  pose: PlacedMolecule,
  positions: readonly Position[] = reference.geometry.positions_angstrom,
): SymmetricRmsd | null {
  const fixed = heavyGraph({ elements: reference.geometry.elements, bonds: reference.bonds });
  const moved = heavyGraph({ elements: pose.geometry.elements, bonds: pose.bonds });
  const pairing = pairGraphs(fixed, moved);
  if (pairing === null || fixed.atoms.length === 0) return null;
  const [here, there] = [
    placesOf(fixed.atoms, positions),
    placesOf(moved.atoms, pose.geometry.positions_angstrom),
  ];
  const least = leastSum(pairing, (atom, image) => squaredDistance(here[atom], there[image]));
  if (least.sum === null) return null;
  const own = countAutomorphisms(reference);
  return {
    rmsd_angstrom: Math.sqrt(least.sum / fixed.atoms.length),
    automorphisms: own.count,
    capped: least.capped || own.capped,
  };
}

/** The least sum of costs over all maps; null where there is no map. Branch and bound over the core atoms. */
function leastSum(
  pairing: Pairing,
  squared: (atom: number, image: number) => number,
): { sum: number | null; capped: boolean } {
  const { core, cost } = foldLeaves(pairing, squared);
  const order = mappingOrder(pairing, core);
  const least = [...order, -1].map(() => 0);
  for (let place = order.length - 1; place >= 0; place -= 1) {
    const atom = order[place] ?? -1;
    const images = pairing.members[pairing.classes[atom] ?? -1] ?? [];
    least[place] = (least[place + 1] ?? 0) + Math.min(...images.map((image) => cost(atom, image)));
  }
  let sum: number | null = null;
  const left = search(pairing, {
    order,
    cost,
    least,
    limit: () => sum ?? Number.POSITIVE_INFINITY,
    found: (_, found) => {
      sum = found;
      return true;
    },
    steps: STEPS,
  });
  return { sum, capped: left === 0 };
}

/**
 * How many ways there are to lay a molecule's heavy atoms on themselves, without listing them: an atom can
 * go to so many others, the next, once it is held, to so many, and so on (orbits and stabilisers); leaves of
 * one atom change places freely.
 */
export function countAutomorphisms(molecule: PlacedMolecule): { count: number; capped: boolean } {
  const graph = heavyGraph({ elements: molecule.geometry.elements, bonds: molecule.bonds });
  const pairing = pairGraphs(graph, graph);
  if (pairing === null) return { count: 0, capped: false };
  const { core, permutations } = foldLeaves(pairing, () => 0);
  const order = mappingOrder(pairing, core);
  let steps = STEPS;
  let count = permutations;
  for (const [place, atom] of order.entries()) {
    const images = pairing.members[pairing.classes[atom] ?? -1] ?? [];
    let orbit = 0;
    for (const image of images) {
      let reached = false;
      const given = [...order.slice(0, place), image];
      const found = () => {
        reached = true;
        return false;
      };
      steps = image === atom ? steps : search(pairing, { order, given, found, steps });
      if (reached || image === atom) orbit += 1;
    }
    count *= orbit;
  }
  return { count, capped: steps === 0 };
}

function placesOf(atoms: readonly number[], positions: readonly Position[]): (Position | undefined)[] {
  return atoms.map((atom) => positions[atom]);
}
