import { type Graph, type Neighbour, neighboursOf } from "./graph.ts";

/** In the place of an atom: a hydrogen or lone pair that the graph does not write out. */
const HIDDEN = -1;

/** Two bridgeheads and, for each of the three ways between them, the neighbour where it leaves either. */
export type Bridge = { ends: [number, number]; exits: [[number, number, number], [number, number, number]] };

/** Atoms between two bridgeheads: as many as a way may have, all three together, and the two beside a bond. */
const LONGEST_WAY = 4;
const MOST_BETWEEN = 7;
const MOST_BESIDE_BOND = 4;
const MOST_BESIDE_BOND_AND_ATOM = 5;

/**
 * The small bicycles [x.y.z] among some atoms: pairs joined by three ways that share no atom.
 *
 * A small bicycle is out,out: both fourth substituents point away from it (for z = 0 that is cis-fused).
 * In,out ones are large, like the [4.4.1] of ingenol (Alder and East, Chem. Rev. 1996, 96, 2097), and of the
 * fused ones trans-[3.2.0] and -[3.3.0] are stable. So what is returned has at most 9 atoms and no way above
 * 4 where z ≥ 1; where z = 0, ring sizes up to 3+6 and 4+4. Larger ones stay a choice. A few of these have
 * been made against all strain, such as trans-[4.1.0]: who means one draws it.
 */
export function smallBridges(graph: Graph, atoms: readonly number[]): Bridge[] {
  const inRings = new Set(graph.rings.flat());
  const neighbours = neighboursOf(graph).map((list) => list.filter(({ atom }) => inRings.has(atom)));
  const heads = atoms.filter((atom) => (neighbours[atom]?.length ?? 0) >= 3);
  return heads.flatMap((from, index) =>
    heads.slice(index + 1).flatMap((to) => bicycles(from, to, waysBetween(neighbours, from, to))),
  );
}

/**
 * Whether a small bicycle of the graph is in,out (or trans-fused): such a molecule does not exist. Out,out
 * has a mirror between the bridgeheads, so that the three ways turn opposite ways at its two ends.
 */
export function isStrained(graph: Graph, bridges: readonly Bridge[]): boolean {
  if (bridges.length === 0) return false;
  const neighbours = neighboursOf(graph);
  return bridges.some(({ ends, exits }) => {
    const [first, second] = [0, 1].map((side) =>
      handedness(graph, neighbours, ends[side] ?? -1, exits[side] ?? []),
    );
    return first !== 0 && first === second;
  });
}

function bicycles(from: number, to: number, ways: number[][]): Bridge[] {
  const found: Bridge[] = [];
  for (const [i, a] of ways.entries())
    for (const [j, b] of ways.slice(i + 1).entries())
      for (const c of ways.slice(i + j + 2)) {
        const between = [...a, ...b, ...c];
        // Ways come shortest first, so that only `a` may be the bond itself, and then `b` the shorter one.
        const fused = b.length === 1 ? MOST_BESIDE_BOND_AND_ATOM : MOST_BESIDE_BOND;
        const most = a.length === 0 ? fused : MOST_BETWEEN;
        if (between.length > most || new Set(between).size < between.length) continue;
        const [left, right] = [
          [a, b, c].map((way) => way[0] ?? to),
          [a, b, c].map((way) => way.at(-1) ?? from),
        ];
        found.push({ ends: [from, to], exits: [triple(left), triple(right)] });
      }
  return found;
}

function triple([a = -1, b = -1, c = -1]: number[]): [number, number, number] {
  return [a, b, c];
}

/** Ways from one atom to another over ring atoms, as the atoms between them; shortest first. */
function waysBetween(neighbours: Neighbour[][], from: number, to: number): number[][] {
  const ways: number[][] = [];
  const walk = (at: number, way: number[]) => {
    for (const { atom } of neighbours[at] ?? []) {
      if (atom === to) ways.push(way);
      else if (way.length < LONGEST_WAY && atom !== from && !way.includes(atom)) walk(atom, [...way, atom]);
    }
  };
  walk(from, []);
  return ways.sort((a, b) => a.length - b.length);
}

/**
 * 1 or −1: how three neighbours turn around an atom, seen with the fourth (an atom, hydrogen or lone pair)
 * in front; 0 where the atom has no configuration. RDKit's `cw` is of the neighbours in the order of bonds.
 */
function handedness(
  graph: Graph,
  neighbours: Neighbour[][],
  index: number,
  three: readonly number[],
): number {
  const stereo = graph.atoms[index]?.stereo;
  if (stereo !== "cw" && stereo !== "ccw") return 0;
  const around = (neighbours[index] ?? []).map(({ atom }) => atom);
  const fourth = around.find((atom) => !three.includes(atom));
  // RDKit counts an implicit hydrogen or lone pair as the last neighbour.
  const all = [...around, ...(fourth === undefined ? [HIDDEN] : [])];
  const order = [fourth ?? HIDDEN, ...three].map((atom) => all.indexOf(atom));
  return (stereo === "cw" ? 1 : -1) * parity(order);
}

/** 1 for an even permutation, −1 for an odd one. */
function parity(places: number[]): number {
  const inversions = places.flatMap((a, i) => places.slice(i + 1).filter((b) => b < a)).length;
  return inversions % 2 === 0 ? 1 : -1;
}
