/**
 * A molecule as atoms and bonds, read from and written to RDKit's JSON (CommonChem), where bonds are
 * Kekulé. Rules edit this instead of running RDKit reactions: a charge or an order is changed in place, so
 * stereo, enhanced-stereo groups and isotopes of everything else stay untouched.
 */
export type Atom = {
  z: number;
  hydrogens: number;
  charge: number;
  radicals: number;
  isotope: number;
  stereo: string;
};
/** Order 1–4; 17 is dative, 0 is "any". `stereo` is unspecified, cis, trans or either, about `stereoAtoms`. */
export type GraphBond = { from: number; to: number; order: number; stereo: string; stereoAtoms: number[] };
export type StereoGroup = { type: string; atoms: number[] };
export type Graph = {
  atoms: Atom[];
  bonds: GraphBond[];
  groups: StereoGroup[];
  /** Atoms RDKit calls aromatic, and rings (SSSR); as read, empty after an edit. */
  aromatic: ReadonlySet<number>;
  rings: number[][];
  /** The record holds query atoms or bonds: a pattern, no molecule. */
  isQuery: boolean;
};
export type Neighbour = { atom: number; bond: GraphBond };

type RawAtom = { z?: number; impHs?: number; chg?: number; nRad?: number; isotope?: number; stereo?: string };
type RawBond = { bo?: number; atoms: [number, number]; stereo?: string; stereoAtoms?: number[] };
type RawGroup = { type: string; id?: number; atoms?: number[] };
type RawExtension = { name: string; aromaticAtoms?: number[]; atomRings?: number[][] };
type RawMolecule = {
  atoms?: RawAtom[];
  bonds?: RawBond[];
  stereoGroups?: RawGroup[];
  extensions?: RawExtension[];
};

const UNSPECIFIED = "unspecified";

/** RDKit's `get_json()` as a graph. */
export function graphFromJson(json: string): Graph {
  const raw = (JSON.parse(json) as { molecules: RawMolecule[] }).molecules[0] ?? {};
  const extension = raw.extensions?.find((each) => each.name === "rdkitRepresentation");
  return {
    atoms: (raw.atoms ?? []).map(readAtom),
    bonds: (raw.bonds ?? []).map(readBond),
    // An "abs" group says no more than the centres themselves.
    groups: (raw.stereoGroups ?? []).flatMap(({ type, atoms }) =>
      type === "abs" || !atoms ? [] : [{ type, atoms }],
    ),
    aromatic: new Set(extension?.aromaticAtoms ?? []),
    rings: extension?.atomRings ?? [],
    isQuery: raw.extensions?.some((each) => each.name === "rdkitQueries") ?? false,
  };
}

/** JSON that `get_mol` reads. Ring and aromaticity perception is left to RDKit. */
export function graphToJson(graph: Graph): string {
  const atoms = graph.atoms.map((atom) => ({
    z: atom.z,
    impHs: atom.hydrogens,
    chg: atom.charge,
    nRad: atom.radicals,
    isotope: atom.isotope,
    stereo: atom.stereo,
  }));
  const bonds = graph.bonds.map((bond) => ({
    bo: bond.order,
    atoms: [bond.from, bond.to],
    stereo: bond.stereo,
    ...(bond.stereoAtoms.length > 0 && { stereoAtoms: bond.stereoAtoms }),
  }));
  const stereoGroups = graph.groups.map((group, id) => ({ ...group, id }));
  const defaults = {
    atom: { z: 6, impHs: 0, chg: 0, nRad: 0, isotope: 0, stereo: UNSPECIFIED },
    bond: { bo: 1, stereo: UNSPECIFIED },
  };
  const molecule = { atoms, bonds, ...(stereoGroups.length > 0 && { stereoGroups }) };
  return JSON.stringify({ rdkitjson: { version: 12 }, defaults, molecules: [molecule] });
}

/** A copy whose atoms and bonds may be changed without changing the original. */
export function copyGraph(graph: Graph): Graph {
  return {
    ...graph,
    atoms: graph.atoms.map((atom) => ({ ...atom })),
    bonds: graph.bonds.map((bond) => ({ ...bond, stereoAtoms: [...bond.stereoAtoms] })),
    groups: graph.groups.map((group) => ({ ...group, atoms: [...group.atoms] })),
  };
}

/** For each atom, its neighbours with the bonds to them. */
export function neighboursOf(graph: Graph): Neighbour[][] {
  const lists: Neighbour[][] = graph.atoms.map(() => []);
  for (const bond of graph.bonds) {
    lists[bond.from]?.push({ atom: bond.to, bond });
    lists[bond.to]?.push({ atom: bond.from, bond });
  }
  return lists;
}

/** The connected parts as lists of atom indices, each ascending, in order of their first atom. */
export function componentsOf(graph: Graph): number[][] {
  const neighbours = neighboursOf(graph);
  const seen = new Set<number>();
  const parts: number[][] = [];
  for (const start of graph.atoms.keys()) {
    if (seen.has(start)) continue;
    const part = [start];
    seen.add(start);
    // `part` grows while it is walked: a queue without a second array.
    for (const atom of part)
      for (const next of neighbours[atom] ?? []) {
        if (seen.has(next.atom)) continue;
        seen.add(next.atom);
        part.push(next.atom);
      }
    parts.push(part.sort((a, b) => a - b));
  }
  return parts;
}

/** The part of a graph made of some whole components; atoms are numbered anew in the order given. */
export function subgraph(graph: Graph, atoms: number[]): Graph {
  const place = new Map(atoms.map((atom, index) => [atom, index]));
  const move = (list: number[]) => list.flatMap((atom) => place.get(atom) ?? []);
  const groups = graph.groups.map((group) => ({ ...group, atoms: move(group.atoms) }));
  return {
    atoms: atoms.flatMap((atom) => graph.atoms[atom] ?? []),
    bonds: graph.bonds.flatMap((bond) => {
      const [from, to] = [place.get(bond.from), place.get(bond.to)];
      return from === undefined || to === undefined
        ? []
        : [{ ...bond, from, to, stereoAtoms: move(bond.stereoAtoms) }];
    }),
    groups: groups.filter((group) => group.atoms.length > 0),
    aromatic: new Set(move([...graph.aromatic])),
    rings: graph.rings.map(move).filter((ring) => ring.length > 0),
    isQuery: graph.isQuery,
  };
}

function readAtom(raw: RawAtom): Atom {
  return {
    z: raw.z ?? 6,
    hydrogens: raw.impHs ?? 0,
    charge: raw.chg ?? 0,
    radicals: raw.nRad ?? 0,
    isotope: raw.isotope ?? 0,
    stereo: raw.stereo ?? UNSPECIFIED,
  };
}

function readBond(raw: RawBond): GraphBond {
  return {
    from: raw.atoms[0],
    to: raw.atoms[1],
    order: raw.bo ?? 1,
    stereo: raw.stereo ?? UNSPECIFIED,
    stereoAtoms: raw.stereoAtoms ?? [],
  };
}
