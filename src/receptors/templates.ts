/**
 * What the residues of a protein are made of, as AutoDock Vina reads it: heavy atoms with their AutoDock 4
 * types and the hydrogens that make an N, O or S a donor. Atom names are those of the wwPDB's chemical
 * components; types are the conventions of AutoDockTools (A aromatic C, OA and NA acceptors, SA sulphur,
 * N and HD donors; Morris et al., J. Comput. Chem. 30, 2785 (2009), doi:10.1002/jcc.21256). A nitrogen
 * with hydrogens whose lone pair is not free is N, never NA: Vina would count it as an acceptor too.
 */

/** Types that Vina's rigid receptor is written with. */
export type AtomType = "A" | "C" | "HD" | "N" | "NA" | "OA" | "SA";

/**
 * Where the hydrogens of a donor stand. `between`: one, opposite the bisector of both neighbours. `planar`
 * and `staggered`: around the bond to the one neighbour, at torsions 180° and 0°, or 180°, 60° and −60°,
 * against the neighbour's own neighbour. The first of `references` is a neighbour of the donor.
 */
export type DonorRule = {
  atom: string;
  hydrogens: 1 | 2 | 3;
  shape: "between" | "planar" | "staggered";
  references: readonly [string, string];
};

export type TemplateAtom = { name: string; type: AtomType };

/** A residue's heavy atoms in the order of the wwPDB, backbone first, and its side chain's donors. */
export type ResidueTemplate = {
  /** The amino acid without regard to its protonation: HIS for HID, HIE and HIP. */
  parent: string;
  atoms: readonly TemplateAtom[];
  donors: readonly DonorRule[];
};

export const HISTIDINE_STATES = ["HID", "HIE", "HIP"] as const;
export type HistidineState = (typeof HISTIDINE_STATES)[number];

export const BACKBONE = ["N", "CA", "C", "O"] as const;

const AMIDE = (atom: string, carbon: string, before: string): DonorRule => ({
  atom,
  hydrogens: 2,
  shape: "planar",
  references: [carbon, before],
});
const RING = (atom: string, one: string, other: string): DonorRule => ({
  atom,
  hydrogens: 1,
  shape: "between",
  references: [one, other],
});
const HYDROXYL = (atom: string, carbon: string, before: string): DonorRule => ({
  atom,
  hydrogens: 1,
  shape: "staggered",
  references: [carbon, before],
});
const AMMONIUM: DonorRule = { atom: "NZ", hydrogens: 3, shape: "staggered", references: ["CE", "CD"] };
const ND1 = RING("ND1", "CG", "CE1");
const NE2 = RING("NE2", "CD2", "CE1");

const BENZYL = "CB:C CG:A CD1:A CD2:A CE1:A CE2:A CZ:A";
const IMIDAZOLE = (nd1: "N" | "NA", ne2: "N" | "NA") => `CB:C CG:A ND1:${nd1} CD2:A CE1:A NE2:${ne2}`;

/** Side chains by residue name: `atom:type` in order, and the donors. ASP and GLU are ionised. */
const SIDE_CHAINS: Record<string, readonly [parent: string, atoms: string, donors?: readonly DonorRule[]]> = {
  ALA: ["ALA", "CB:C"],
  ARG: [
    "ARG",
    "CB:C CG:C CD:C NE:N CZ:C NH1:N NH2:N",
    [RING("NE", "CD", "CZ"), AMIDE("NH1", "CZ", "NE"), AMIDE("NH2", "CZ", "NE")],
  ],
  ASN: ["ASN", "CB:C CG:C OD1:OA ND2:N", [AMIDE("ND2", "CG", "CB")]],
  ASP: ["ASP", "CB:C CG:C OD1:OA OD2:OA"],
  ASH: ["ASP", "CB:C CG:C OD1:OA OD2:OA", [HYDROXYL("OD2", "CG", "CB")]],
  CYS: ["CYS", "CB:C SG:SA", [HYDROXYL("SG", "CB", "CA")]],
  CYX: ["CYS", "CB:C SG:SA"],
  GLN: ["GLN", "CB:C CG:C CD:C OE1:OA NE2:N", [AMIDE("NE2", "CD", "CG")]],
  GLU: ["GLU", "CB:C CG:C CD:C OE1:OA OE2:OA"],
  GLH: ["GLU", "CB:C CG:C CD:C OE1:OA OE2:OA", [HYDROXYL("OE2", "CD", "CG")]],
  GLY: ["GLY", ""],
  HID: ["HIS", IMIDAZOLE("N", "NA"), [ND1]],
  HIE: ["HIS", IMIDAZOLE("NA", "N"), [NE2]],
  HIP: ["HIS", IMIDAZOLE("N", "N"), [ND1, NE2]],
  ILE: ["ILE", "CB:C CG1:C CG2:C CD1:C"],
  LEU: ["LEU", "CB:C CG:C CD1:C CD2:C"],
  LYS: ["LYS", "CB:C CG:C CD:C CE:C NZ:N", [AMMONIUM]],
  // A neutral amine keeps its lone pair: acceptor and donor.
  LYN: ["LYS", "CB:C CG:C CD:C CE:C NZ:NA", [{ ...AMMONIUM, hydrogens: 2 }]],
  MET: ["MET", "CB:C CG:C SD:SA CE:C"],
  PHE: ["PHE", BENZYL],
  PRO: ["PRO", "CB:C CG:C CD:C"],
  SER: ["SER", "CB:C OG:OA", [HYDROXYL("OG", "CB", "CA")]],
  THR: ["THR", "CB:C OG1:OA CG2:C", [HYDROXYL("OG1", "CB", "CA")]],
  TRP: ["TRP", "CB:C CG:A CD1:A CD2:A NE1:N CE2:A CE3:A CZ2:A CZ3:A CH2:A", [RING("NE1", "CD1", "CE2")]],
  TYR: ["TYR", `${BENZYL} OH:OA`, [HYDROXYL("OH", "CZ", "CE1")]],
  VAL: ["VAL", "CB:C CG1:C CG2:C"],
};

const WATERS = new Set("HOH WAT DOD H2O TIP TP3 TP4 TP5 SOL SPC".split(" "));

/** Other programs' names of the same residues: CHARMM's histidines. */
const RESIDUE_ALIASES: Record<string, string> = { HSD: "HID", HSE: "HIE", HSP: "HIP" };

/** Other programs' names of the same atoms: the ends of a chain in CHARMM and GROMACS, CHARMM's ILE. */
const ATOM_ALIASES: Record<string, string> = { OT1: "O", OT2: "OXT", OC1: "O", OC2: "OXT" };

const TEMPLATES: ReadonlyMap<string, ResidueTemplate> = new Map(
  Object.entries(SIDE_CHAINS).map(([name, [parent, atoms, donors = []]]) => {
    const own = `N:N CA:C C:C O:OA ${atoms}`.trim().split(" ").map(templateAtom);
    return [name, { parent, atoms: own, donors }];
  }),
);

/**
 * The template of a residue name as files write it, or null where it is no amino acid known here. A name
 * that leaves the state open is answered with the default: `HIS` is HIE here, and `CYS` has its hydrogen.
 */
export function templateOf(residueName: string): ResidueTemplate | null {
  return TEMPLATES.get(stateOf(residueName)) ?? null;
}

/** The state a residue name stands for: HIE for HSE, the name itself where there is no other. */
export function stateOf(residueName: string): string {
  if (residueName === "HIS") return "HIE";
  return RESIDUE_ALIASES[residueName] ?? residueName;
}

/** The name by which the templates know an atom of a residue. */
export function standardAtomName(residueName: string, atomName: string): string {
  if (residueName === "ILE" && atomName === "CD") return "CD1";
  return ATOM_ALIASES[atomName] ?? atomName;
}

/** Whether a residue's template has this heavy atom (the OXT of a chain's end included). */
export function hasTemplateAtom(residueName: string, atomName: string): boolean {
  const name = standardAtomName(residueName, atomName);
  const atoms = templateOf(residueName)?.atoms;
  return atoms !== undefined && (name === "OXT" || atoms.some((atom) => atom.name === name));
}

export function isWaterName(residueName: string): boolean {
  return WATERS.has(residueName);
}

function templateAtom(text: string): TemplateAtom {
  const [name = "", type = ""] = text.split(":");
  return { name, type: type as AtomType };
}
