import type { Bond, Geometry } from "../structures/geometry.ts";

/** Raised with every change of the bytes that a ligand gives: types, torsions, order, remarks. */
export const LIGAND_WRITER_VERSION = 2;

/** A ligand in 3D with all that its drawing says; lists run over the atoms, hydrogens included. */
export type Ligand = {
  /** Canonical SMILES; its n-th atom is the n-th heavy atom here (hydrogens come after). */
  smiles: string;
  geometry: Geometry;
  /** Kekulé bond orders. */
  bonds: Bond[];
  charges: number[];
  /** Mass numbers, 0 for natural. PDBQT has none; the SDF of the poses does. */
  isotopes: number[];
  aromatic: boolean[];
};

/** What Vina reads of a ligand, and the way back from its atoms to all of the ligand's. */
export type PreparedLigand = {
  ligand: Ligand;
  pdbqt: string;
  /** The ligand's atom behind each PDBQT atom, in file order (serial − 1). */
  atoms: number[];
  /** Torsions that Vina turns: count of BRANCH lines, equal to its N_rot here. */
  torsions: number;
  /** Atoms of the ligand that move as one, hydrogens included; every atom is in exactly one. */
  fragments: number[][];
  /** Larger rings (> 8 atoms), whose shape Vina does not change. */
  rigid_macrocycles: number;
};
