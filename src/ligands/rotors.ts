import { connectedParts, neighbourLists } from "../structures/adjacency.ts";
import type { Bond } from "../structures/geometry.ts";
import type { Ligand } from "./ligand.ts";
import { ringBonds } from "./rings.ts";

/**
 * Whether Vina turns each bond, in the order of the bonds. It does where the bond is single, in no ring, and
 * both ends have at least two heavy neighbours; but not the C–N of amides, ureas, carbamates and amidines
 * (C=N/O/S next to an N with three neighbours), and not next to a triple bond. Where an alkyne joins two
 * groups its triple bond is turned instead, which lies on the same line, as Meeko does; of conjugated alkynes,
 * all on one line, the first.
 * OH, NH2 and methyl are not turned: their hydrogens do not change a Vina score, but would count in N_rot.
 */
export function rotatableBonds(ligand: Ligand): boolean[] {
  const { bonds, geometry } = ligand;
  const { elements } = geometry;
  const neighbours = neighbourLists(elements.length, bonds);
  const heavy = neighbours.map((list) => list.filter((atom) => elements[atom] !== "H"));
  const inRing = ringBonds(elements.length, bonds);
  const triple = new Set(bonds.flatMap(({ from, to, order }) => (order === 3 ? [from, to] : [])));
  const turning = new Set(alkyneLines(bonds, triple).map((line) => turningAlkyne(ligand, heavy, line)));
  const carbonyls = carbonylLike(ligand);
  const inside = (atom: number) => elements[atom] !== "H" && (heavy[atom]?.length ?? 0) >= 2;
  const amide = (carbon: number, nitrogen: number) =>
    carbonyls.has(carbon) && elements[nitrogen] === "N" && neighbours[nitrogen]?.length === 3;
  return bonds.map(({ from, to, order }, bond) => {
    if (inRing[bond] || !inside(from) || !inside(to)) return false;
    if (order === 3) return turning.has(bond);
    if (order !== 1 || triple.has(from) || triple.has(to)) return false;
    return !amide(from, to) && !amide(to, from);
  });
}

/** Atoms of triple bonds that hang together, and so lie on one line: one list each. */
function alkyneLines(bonds: readonly Bond[], triple: ReadonlySet<number>): number[][] {
  const within = bonds.filter(({ from, to }) => triple.has(from) && triple.has(to));
  const atoms = Math.max(-1, ...triple) + 1;
  return connectedParts(neighbourLists(atoms, within)).filter(([first = -1]) => triple.has(first));
}

/** The triple bond that is turned for a line of alkynes: the first, where both its ends go on; else none (−1). */
function turningAlkyne({ bonds }: Ligand, heavy: readonly number[][], line: readonly number[]): number {
  const beyond = line.flatMap((atom) => (heavy[atom] ?? []).filter((next) => !line.includes(next)));
  // A methyl beyond it, or nothing, has no heavy atom off the line: turning would move none.
  if (beyond.length !== 2 || beyond.some((atom) => (heavy[atom]?.length ?? 0) < 2)) return -1;
  return bonds.findIndex(({ from, order }) => order === 3 && line.includes(from));
}

/** Carbons with a double bond to N, O or S. An aromatic one is left out: its C–N turns, as in imatinib. */
function carbonylLike(ligand: Ligand): Set<number> {
  const { elements } = ligand.geometry;
  const found = new Set<number>();
  const add = (carbon: number, other: number) => {
    if (elements[carbon] !== "C" || ligand.aromatic[carbon]) return;
    if (["N", "O", "S"].includes(elements[other] ?? "")) found.add(carbon);
  };
  for (const { from, to, order } of ligand.bonds) {
    if (order !== 2) continue;
    add(from, to);
    add(to, from);
  }
  return found;
}
