import { type Atom, copyGraph, type Graph, type GraphBond, type Neighbour, neighboursOf } from "./graph.ts";

/** A working copy with its neighbour lists, which stay true while orders and charges change. */
export type Draft = { graph: Graph; neighbours: Neighbour[][] };
/** Applies itself once at one atom; true when it changed something. */
export type Rule = { name: string; apply: (draft: Draft, atom: number) => boolean };

/**
 * The ways to draw one species that are made one, in this order, until none applies. Together with the
 * rules of `neutralise.ts` and the counter-ion list they are what `IDENTITY_VERSION` counts. Nitro, N-oxide
 * and the azide with five-bonded nitrogen are already made one by RDKit when it reads a record; InChI makes
 * one of ylides and most charge-separated pairs, but SMILES and descriptors would still differ.
 */
export const NORMALISATIONS: readonly Rule[] = [
  { name: "alkali_metal_ionic", apply: splitAlkali },
  { name: "diazo_azide", apply: diazo },
  { name: "charge_separated_pair", apply: recombinePair },
  { name: "charge_separated_1_3", apply: recombineOneThree },
  { name: "sulfonamide_anion", apply: chargeOnNitrogen },
];

/** The same graph when no rule applies, else a changed copy. Running it again changes nothing. */
export function normalise(graph: Graph): Graph {
  const worthwhile = graph.atoms.some((atom) => atom.charge !== 0 || ALKALI.has(atom.z));
  return worthwhile ? applyRules(graph, NORMALISATIONS) : graph;
}

/** Applies rules at every atom until none changes anything. */
export function applyRules(graph: Graph, rules: readonly Rule[]): Graph {
  const copy = copyGraph(graph);
  const draft: Draft = { graph: copy, neighbours: neighboursOf(copy) };
  let changed = false;
  // Each rule lowers a charge or moves one to its final place; the bound only guards against a bad rule.
  for (let round = 0; round < 2 * graph.atoms.length + 2; round += 1) {
    const again = rules.some((rule) => copy.atoms.some((_, atom) => rule.apply(draft, atom)));
    if (!again) break;
    changed = true;
  }
  return changed ? { ...copy, aromatic: new Set(), rings: [] } : graph;
}

const ALKALI = new Set([3, 11, 19, 37, 55]);
const [C, N, O, P, S, AS, SE, TE] = [6, 7, 8, 15, 16, 33, 34, 52];

export function atomOf(draft: Draft, index: number): Atom {
  const atom = draft.graph.atoms[index];
  if (atom === undefined) throw new RangeError(`no atom ${index}`);
  return atom;
}

export function near(draft: Draft, index: number): Neighbour[] {
  return draft.neighbours[index] ?? [];
}

export function setOrder(bond: GraphBond, order: number): void {
  bond.order = order;
  bond.stereo = "unspecified";
  bond.stereoAtoms = [];
}

/** CC(=O)O[Na] → CC(=O)[O-].[Na+]: bonds of Li, Na, K, Rb, Cs to O, N, S and halogens are ionic. */
function splitAlkali(draft: Draft, index: number): boolean {
  const metal = atomOf(draft, index);
  const [only, ...more] = near(draft, index);
  if (!ALKALI.has(metal.z) || metal.charge !== 0 || only === undefined || more.length > 0) return false;
  const partner = atomOf(draft, only.atom);
  if (![N, O, S, SE, 9, 17, 35, 53].includes(partner.z) || partner.charge !== 0 || only.bond.order !== 1)
    return false;
  metal.charge = 1;
  partner.charge = -1;
  draft.graph.bonds = draft.graph.bonds.filter((bond) => bond !== only.bond);
  draft.neighbours = neighboursOf(draft.graph);
  return true;
}

/** X⁻–N⁺≡N → X=N⁺=N⁻ for azides (X = N) and diazo compounds (X = C). */
function diazo(draft: Draft, index: number): boolean {
  const middle = atomOf(draft, index);
  if (middle.z !== N || middle.charge !== 1) return false;
  const end = near(draft, index).find(({ atom, bond }) => bond.order === 3 && isBareNitrogen(draft, atom));
  const donor = near(draft, index).find(
    ({ atom, bond }) =>
      bond.order === 1 && atomOf(draft, atom).charge === -1 && [C, N].includes(atomOf(draft, atom).z),
  );
  if (end === undefined || donor === undefined) return false;
  setOrder(end.bond, 2);
  setOrder(donor.bond, 2);
  atomOf(draft, donor.atom).charge = 0;
  atomOf(draft, end.atom).charge = -1;
  return true;
}

function isBareNitrogen(draft: Draft, index: number): boolean {
  const atom = atomOf(draft, index);
  return atom.z === N && atom.charge === 0 && near(draft, index).length === 1;
}

/** X⁺–Y⁻ → X=Y for X = P, S, As, Se, Te and Y = O, S, Se, N, C: sulfoxides, sulfones, phosphine oxides, ylides. */
function recombinePair(draft: Draft, index: number): boolean {
  const centre = atomOf(draft, index);
  if (![P, S, AS, SE, TE].includes(centre.z) || centre.charge < 1 || draft.graph.aromatic.has(index))
    return false;
  const partner = near(draft, index).find(({ atom, bond }) => {
    const other = atomOf(draft, atom);
    return (
      other.charge === -1 &&
      bond.order === 1 &&
      [C, N, O, S, SE].includes(other.z) &&
      !draft.graph.aromatic.has(atom)
    );
  });
  if (partner === undefined) return false;
  setOrder(partner.bond, 2);
  centre.charge -= 1;
  atomOf(draft, partner.atom).charge = 0;
  return true;
}

/** Y⁻–A=X⁺ → Y=A–X outside aromatic rings, e.g. [O-]C(C)=[NH+]C is an amide. */
function recombineOneThree(draft: Draft, index: number): boolean {
  const donor = atomOf(draft, index);
  if (donor.charge !== -1 || ![N, O, S, SE].includes(donor.z) || draft.graph.aromatic.has(index))
    return false;
  for (const { atom: middle, bond } of near(draft, index)) {
    const centre = atomOf(draft, middle);
    if (bond.order !== 1 || centre.charge !== 0 || ![C, S, P].includes(centre.z)) continue;
    const accept = near(draft, middle).find(({ atom, bond: next }) => {
      const other = atomOf(draft, atom);
      return (
        next.order === 2 &&
        other.charge === 1 &&
        [N, O, S, P].includes(other.z) &&
        !draft.graph.aromatic.has(atom)
      );
    });
    if (accept === undefined || draft.graph.aromatic.has(middle)) continue;
    setOrder(bond, 2);
    setOrder(accept.bond, 1);
    donor.charge = 0;
    atomOf(draft, accept.atom).charge = 0;
    return true;
  }
  return false;
}

/** O⁻–S(=N) → O=S–N⁻: the anion of a sulfonamide carries its charge on nitrogen. */
function chargeOnNitrogen(draft: Draft, index: number): boolean {
  const sulfur = atomOf(draft, index);
  if (sulfur.z !== S || sulfur.charge !== 0 || draft.graph.aromatic.has(index)) return false;
  const oxygen = near(draft, index).find(
    ({ atom, bond }) => bond.order === 1 && atomOf(draft, atom).z === O && atomOf(draft, atom).charge === -1,
  );
  const nitrogen = near(draft, index).find(
    ({ atom, bond }) => bond.order === 2 && atomOf(draft, atom).z === N && atomOf(draft, atom).charge === 0,
  );
  if (oxygen === undefined || nitrogen === undefined) return false;
  setOrder(oxygen.bond, 2);
  setOrder(nitrogen.bond, 1);
  atomOf(draft, oxygen.atom).charge = 0;
  atomOf(draft, nitrogen.atom).charge = -1;
  return true;
}
