import { isMetal } from "./elements.ts";
import { type Graph, neighboursOf } from "./graph.ts";
import { applyRules, atomOf, type Draft, near, type Rule, setOrder } from "./normalise.ts";

/**
 * How a species becomes the neutral form that its salts and protonation states share. Every charged atom
 * that can lose or gain hydrogen does so; nitro groups, N-oxides, azides, ylides and quaternary nitrogen
 * stay. A betaine thus becomes the cation with a neutral acid, as its hydrochloride does. What holds a
 * metal is left as drawn: its anions balance a charge that cannot go.
 */
export const NEUTRALISATIONS: readonly Rule[] = [
  { name: "nitronate", apply: nitronate },
  { name: "boronate_hydroxide", apply: boronateHydroxide },
  { name: "lose_hydrogen", apply: loseHydrogen },
  { name: "gain_hydrogen", apply: gainHydrogen },
];

/** The same graph when nothing can be neutralised, else a changed copy. Running it again changes nothing. */
export function neutralise(graph: Graph): Graph {
  const charged = graph.atoms.some((atom) => atom.charge !== 0);
  return charged && !graph.atoms.some((atom) => isMetal(atom.z)) ? applyRules(graph, NEUTRALISATIONS) : graph;
}

/** How many bonds a neutral atom has, by atomic number; only these gain hydrogen. */
const VALENCE = new Map([
  [6, 4],
  [7, 3],
  [8, 2],
  [9, 1],
  [15, 3],
  [16, 2],
  [17, 1],
  [34, 2],
  [35, 1],
  [52, 2],
  [53, 1],
]);

function loseHydrogen(draft: Draft, index: number): boolean {
  const atom = atomOf(draft, index);
  if (atom.charge < 1 || atom.hydrogens < 1) return false;
  atom.charge -= 1;
  atom.hydrogens -= 1;
  // A protonated amine that is a stereocentre inverts freely once neutral.
  atom.stereo = "unspecified";
  leaveGroups(draft, index);
  return true;
}

function gainHydrogen(draft: Draft, index: number): boolean {
  const atom = atomOf(draft, index);
  const valence = VALENCE.get(atom.z);
  if (atom.charge > -1 || valence === undefined || isCompensated(draft, index)) return false;
  const used = near(draft, index).reduce((sum, { bond }) => sum + bond.order, atom.hydrogens + atom.radicals);
  if (used + 1 > valence) return false;
  atom.charge += 1;
  atom.hydrogens += 1;
  return true;
}

/**
 * Next to a positive atom that keeps its charge and has no more negative neighbours than charge: half of a
 * nitro group, an N-oxide, an azide, an ylide, CO. Of nitrate's two O⁻ one is free.
 */
function isCompensated(draft: Draft, index: number): boolean {
  return near(draft, index).some(({ atom }) => {
    const other = atomOf(draft, atom);
    if (other.charge <= 0 || other.hydrogens > 0) return false;
    const negative = near(draft, atom).reduce(
      (sum, each) => sum - Math.min(0, atomOf(draft, each.atom).charge),
      0,
    );
    return negative <= other.charge;
  });
}

/** C=N⁺(O⁻)O⁻ → HC–N⁺(=O)O⁻: the anion of a nitroalkane. */
function nitronate(draft: Draft, index: number): boolean {
  const nitrogen = atomOf(draft, index);
  if (nitrogen.z !== 7 || nitrogen.charge !== 1) return false;
  const oxides = near(draft, index).filter(
    ({ atom, bond }) => bond.order === 1 && atomOf(draft, atom).z === 8 && atomOf(draft, atom).charge === -1,
  );
  const carbon = near(draft, index).find(({ atom, bond }) => bond.order === 2 && atomOf(draft, atom).z === 6);
  const [first, second] = oxides;
  if (first === undefined || second === undefined || carbon === undefined) return false;
  setOrder(carbon.bond, 1);
  setOrder(first.bond, 2);
  atomOf(draft, first.atom).charge = 0;
  atomOf(draft, carbon.atom).hydrogens += 1;
  return true;
}

/** R–B⁻(OH)₃ → R–B(OH)₂: in water the anion of a boronic acid is its hydroxide adduct. */
function boronateHydroxide(draft: Draft, index: number): boolean {
  const boron = atomOf(draft, index);
  if (boron.z !== 5 || boron.charge !== -1 || near(draft, index).length !== 4) return false;
  const hydroxide = near(draft, index).filter(({ atom }) => {
    const other = atomOf(draft, atom);
    return other.z === 8 && other.charge === 0 && other.hydrogens === 1 && near(draft, atom).length === 1;
  });
  const [leaving] = hydroxide;
  if (leaving === undefined || hydroxide.length < 3) return false;
  boron.charge = 0;
  removeAtom(draft, leaving.atom);
  return true;
}

function removeAtom(draft: Draft, gone: number): void {
  const shift = (atom: number) => (atom > gone ? atom - 1 : atom);
  const { graph } = draft;
  graph.atoms.splice(gone, 1);
  graph.bonds = graph.bonds.filter((bond) => bond.from !== gone && bond.to !== gone);
  for (const bond of graph.bonds) {
    bond.from = shift(bond.from);
    bond.to = shift(bond.to);
    bond.stereoAtoms = bond.stereoAtoms.map(shift);
  }
  for (const group of graph.groups) group.atoms = group.atoms.filter((atom) => atom !== gone).map(shift);
  draft.neighbours = neighboursOf(graph);
}

function leaveGroups(draft: Draft, index: number): void {
  for (const group of draft.graph.groups) group.atoms = group.atoms.filter((atom) => atom !== index);
  draft.graph.groups = draft.graph.groups.filter((group) => group.atoms.length > 0);
}
