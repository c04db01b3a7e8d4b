import type { Mol } from "@rdkit/rdkit";
import { isSet, setStereo } from "./assign.ts";
import { isMetal } from "./elements.ts";
import { copyGraph, type Graph, type GraphBond, type Neighbour, neighboursOf } from "./graph.ts";

export type StereoCount = { defined: number; undefined: number };

/**
 * How many stereo elements (atoms and double bonds) of a species are defined and how many are not.
 *
 * Atoms come from RDKit's stereo perception. Five kinds it calls possible are no choice and are not
 * counted: atoms with more than four neighbours (SF5, SF6: nothing draws their arrangement, SMILES has no
 * mark that RDKit keeps for it); phosphorus and sulfur whose hydrogen or charge may sit on any of two equal oxygens; amine
 * nitrogens, which invert or are held by their cage (quinine); bridgeheads of cages that are stereo only
 * through their own symmetric ring (adamantane, norbornane, DABCO); and what RDKit drops however it is set.
 * RDKit gives no count for double bonds, so those are found here: C=C, C=N and N=N outside rings
 * below eight atoms (and of eight with another double bond), each end with two different substituents. Imines =N–H and C=N of amidines, guanidines
 * and amidoximes, where a tautomer turns the bond, are not counted unless they are drawn with stereo.
 * Not seen: allenes, atropisomers, ends that differ only in the stereo of their substituents.
 */
export function countStereo(
  graph: Graph,
  mol: Mol,
  { centres, unspecified }: { centres: number; unspecified: number },
  reread: Reread,
): StereoCount {
  const undefinedAtoms = unspecified > 0 ? openAtoms(graph, mol, reread).length : 0;
  const candidates = graph.bonds.filter((bond) => bond.order === 2);
  const definedBonds = candidates.filter((bond) => bond.stereo === "cis" || bond.stereo === "trans").length;
  return {
    defined: centres - unspecified + definedBonds,
    undefined: undefinedAtoms + openBonds(graph).length,
  };
}

/** Whether a double bond is drawn with stereo. */
function isOpen(stereo: string): boolean {
  return stereo !== "cis" && stereo !== "trans";
}

/** A graph as RDKit reads it: configurations that are none are gone. */
export type Reread = (graph: Graph) => Graph | null;

/** Atoms whose configuration is a choice that was not made, ascending; `mol` is RDKit's of this graph. */
export function openAtoms(graph: Graph, mol: Mol, reread: Reread): number[] {
  const { CIP_atoms } = JSON.parse(mol.get_stereo_tags()) as { CIP_atoms: [number, string][] };
  const possible = CIP_atoms.flatMap(([atom, tag]) => (tag === "(?)" ? [atom] : []));
  if (possible.length === 0) return [];
  const neighbours = neighboursOf(graph);
  const classes = constitutionClasses(graph, neighbours);
  const open = possible
    .filter(
      (atom) =>
        (neighbours[atom] ?? []).length <= MOST_TETRAHEDRAL &&
        !isAmine(graph, neighbours, atom) &&
        !isMobileAcid(graph, neighbours, atom) &&
        !isLockedBridgehead(graph, neighbours, classes, atom),
    )
    .sort((a, b) => a - b);
  const doubtful = open.filter((atom) => !isCentre(neighbours, classes, atom));
  const never = neverKept(graph, open, doubtful, reread);
  return open.filter((atom) => !never.has(atom));
}

/** Of an atom with more neighbours RDKit knows octahedra and the like, which no drawing here has. */
const MOST_TETRAHEDRAL = 4;

const MOST_TRIED = 6;

/** Which of some atoms RDKit drops however the open elements are set; none where there are too many to try. */
function neverKept(graph: Graph, open: number[], doubtful: number[], reread: Reread): Set<number> {
  const never = new Set(doubtful);
  if (never.size === 0) return never;
  const set = copyGraph(graph);
  const flips = setStereo(set, open, openBonds(graph));
  if (flips.length > MOST_TRIED) return new Set();
  for (let pattern = 0; pattern < 2 ** flips.length && never.size > 0; pattern += 1) {
    const own = copyGraph(set);
    for (const [place, flip] of flips.entries()) if ((pattern >> place) & 1) flip(own);
    const read = reread(own);
    for (const atom of never) if (read !== null && isSet(read, atom)) never.delete(atom);
  }
  return never;
}

/** Four different neighbours, by constitution: a centre whatever the rest of the molecule is like. */
export function isCentre(neighbours: Neighbour[][], classes: number[], index: number): boolean {
  const around = neighbours[index] ?? [];
  return new Set(around.map(({ atom }) => classes[atom])).size === around.length;
}

/** Neutral nitrogen with three bonds. RDKit's JavaScript also drops what a SMILES says of it. */
function isAmine(graph: Graph, neighbours: Neighbour[][], index: number): boolean {
  const atom = graph.atoms[index];
  return atom?.z === 7 && atom.charge === 0 && (neighbours[index] ?? []).length + atom.hydrogens === 3;
}

/** P or S with a terminal =X and a terminal X–H or X⁻ of the same element: the two trade places. */
function isMobileAcid(graph: Graph, neighbours: Neighbour[][], index: number): boolean {
  if (![15, 16, 33, 34].includes(graph.atoms[index]?.z ?? 0)) return false;
  const ends = (neighbours[index] ?? []).filter(({ atom }) => neighbours[atom]?.length === 1);
  const double = ends.filter(({ bond }) => bond.order === 2).map(({ atom }) => graph.atoms[atom]?.z);
  return ends.some(({ atom, bond }) => bond.order === 1 && double.includes(graph.atoms[atom]?.z ?? 0));
}

/**
 * An atom of several rings that cannot turn alone, and stereo only because of ring symmetry. The fusion
 * atoms of decalin are free (cis or trans), those of tricyclo[4.2.0.0²,⁵]octane are one fusion against the
 * other (syn or anti), and a real centre, with four different neighbours, counts.
 */
function isLockedBridgehead(
  graph: Graph,
  neighbours: Neighbour[][],
  classes: number[],
  index: number,
): boolean {
  if (isCentre(neighbours, classes, index)) return false;
  const rings = graph.rings.filter((ring) => ring.includes(index));
  const [first = [], second = []] = rings;
  const inRing = (neighbours[index] ?? []).filter(({ atom }) => rings.some((ring) => ring.includes(atom)));
  if (rings.length < 2 || inRing.length < 3) return false;
  const shared = first.filter((atom) => second.includes(atom)).length;
  if (rings.length > 2 || shared > 2) return true;
  // Two rings that share one bond are fused; ring sizes 3+5 and 4+4 only exist cis.
  if (shared !== 2 || first.length + second.length > 8) return false;
  return graph.rings.every(
    (ring) => ring === first || ring === second || !ring.some((atom) => [...first, ...second].includes(atom)),
  );
}

/** Indices into `graph.bonds` of double bonds whose geometry is a choice that was not made. */
export function openBonds(graph: Graph): number[] {
  const candidates = graph.bonds.flatMap((bond, index) =>
    bond.order === 2 && isOpen(bond.stereo) && !isAromatic(graph, bond.from, bond.to) ? [index] : [],
  );
  if (candidates.length === 0) return [];
  const neighbours = neighboursOf(graph);
  const possible = candidates.filter((index) => canBeStereo(graph, neighbours, index));
  if (possible.length === 0) return [];
  const classes = constitutionClasses(graph, neighbours);
  return possible.filter((index) => {
    const bond = graph.bonds[index];
    return (
      bond &&
      [bond.from, bond.to].every((end) =>
        hasTwoKinds(graph, neighbours, classes, end, bond.from + bond.to - end),
      )
    );
  });
}

function isAromatic(graph: Graph, from: number, to: number): boolean {
  return graph.aromatic.has(from) && graph.aromatic.has(to);
}

function canBeStereo(graph: Graph, neighbours: Neighbour[][], index: number): boolean {
  const bond = graph.bonds[index];
  if (bond === undefined) return false;
  if (graph.rings.some((ring) => isHeldCis(graph, ring, bond))) return false;
  return [bond.from, bond.to].every((end) => {
    const atom = graph.atoms[end];
    const others = (neighbours[end] ?? []).filter((each) => each.bond !== bond);
    if (atom === undefined || others.length === 0 || others.some((each) => each.bond.order !== 1))
      return false;
    if (atom.z === 6)
      return (
        others.length + atom.hydrogens === 2 &&
        !isMobileImine(graph, neighbours, end, bond.from + bond.to - end)
      );
    return atom.z === 7 && atom.hydrogens === 0;
  });
}

/** In rings below 8 atoms, and in one of 8 with another double bond (cyclooctatetraene, 1,5-cyclooctadiene). */
function isHeldCis(graph: Graph, ring: number[], bond: GraphBond): boolean {
  const inRing = ({ from, to }: GraphBond) => ring.includes(from) && ring.includes(to);
  if (ring.length > 8 || !inRing(bond)) return false;
  // trans-Cyclooctene is made and sold; a second double bond or an arene in its ring leaves no room for it.
  return ring.length < 8 || graph.bonds.some((each) => each !== bond && each.order === 2 && inRing(each));
}

/** C=N whose carbon also bears N–H, O–H or S–H: moving that hydrogen turns the double bond. */
function isMobileImine(graph: Graph, neighbours: Neighbour[][], carbon: number, other: number): boolean {
  if (graph.atoms[other]?.z !== 7) return false;
  return (neighbours[carbon] ?? []).some(({ atom }) => {
    const next = graph.atoms[atom];
    return (
      atom !== other &&
      next !== undefined &&
      [7, 8, 16].includes(next.z) &&
      (next.hydrogens > 0 || next.charge < 0)
    );
  });
}

function hasTwoKinds(
  graph: Graph,
  neighbours: Neighbour[][],
  classes: number[],
  end: number,
  other: number,
): boolean {
  const kinds = (neighbours[end] ?? []).flatMap(({ atom }) => (atom === other ? [] : [classes[atom]]));
  return kinds.length < 2 || kinds[0] !== kinds[1] || isMetal(graph.atoms[end]?.z ?? 0);
}

/**
 * A class number per atom: equal for atoms that constitution cannot tell apart (Morgan's refinement: start
 * with the atom, then take in the neighbours until no class splits).
 */
export function constitutionClasses(graph: Graph, neighbours: Neighbour[][]): number[] {
  let classes = rank(
    graph.atoms.map((atom) => `${atom.z},${atom.hydrogens},${atom.charge},${atom.isotope},${atom.radicals}`),
  );
  for (let count = 0; count < new Set(classes).size; ) {
    count = new Set(classes).size;
    classes = rank(
      classes.map((own, index) => {
        const around = (neighbours[index] ?? []).map(({ atom, bond }) => {
          const order = isAromatic(graph, bond.from, bond.to) ? 1.5 : bond.order;
          return `${classes[atom]}:${order}`;
        });
        return `${own}|${around.sort().join(",")}`;
      }),
    );
  }
  return classes;
}

function rank(labels: string[]): number[] {
  const numbers = new Map([...new Set(labels)].sort().map((label, index) => [label, index]));
  return labels.map((label) => numbers.get(label) ?? 0);
}
