import { AppError } from "../errors.ts";
import {
  BOND_TOLERANCE_ANGSTROM,
  COVALENT_RADII_ANGSTROM,
  checkGeometry,
  perceiveBonds,
} from "../structures/bonds.ts";
import type { Bond, Geometry } from "../structures/geometry.ts";
import { distance } from "../structures/vectors.ts";
import type { PdbAtom, PdbFile, PdbResidue } from "./pdb.ts";
import { heavyAtoms, labelOf, rolesOf } from "./residues.ts";
import { isMeant, labelsOf, refusal, someOf } from "./select.ts";

/** A residue of a PDB file that is no protein, water or nucleic acid: ligand, buffer, ion. */
export type Het = {
  /** `name:chain:number`, or `name:number` where the chain is blank: a selector that names it. */
  label: string;
  name: string;
  chain: string;
  number: number;
  insertion_code: string;
  /** Heavy atoms. */
  atoms: number;
};

/** One het as a ligand: heavy atoms in file order, positions in Å; bonds all of order 1. */
export type HetLigand = { label: string; geometry: Geometry; bonds: Bond[] };

/** The hets of a file's first model, in file order. */
export function listHets(file: PdbFile): Het[] {
  return hetsOf(file).map((residue) => ({
    label: labelOf(residue),
    name: residue.name,
    chain: residue.chain,
    number: residue.number,
    insertion_code: residue.insertion,
    atoms: heavyAtoms(residue).length,
  }));
}

/**
 * One het by `NAME`, `NAME:CHAIN:NUMBER`, `CHAIN:NUMBER` or `NAME:NUMBER`; an empty selector
 * means the only one there is. Bonds are those of CONECT where it names every atom, else by distance.
 * AppError `bad_input`: none or several fit (each is named), alternate locations, atoms in one place, an
 * element that cannot be told (code `unsupported_element`).
 */
export function extractHet(file: PdbFile, selector: string): HetLigand {
  const residue = pickHet(hetsOf(file), selector.trim());
  const atoms = heavyAtoms(residue);
  refuseAlternates(residue, atoms);
  const geometry: Geometry = {
    elements: atoms.map((atom) => atom.element),
    positions_angstrom: atoms.map((atom) => atom.position),
  };
  checkGeometry(geometry, (index) => atoms[index]?.line ?? 1);
  return { label: labelOf(residue), geometry, bonds: writtenBonds(file, atoms) ?? perceiveBonds(geometry) };
}

function hetsOf(file: PdbFile): PdbResidue[] {
  return [...rolesOf(file)]
    .filter(([, role]) => role === "het" || role === "unknown")
    .map(([residue]) => residue);
}

function pickHet(hets: readonly PdbResidue[], selector: string): PdbResidue {
  const found = selector === "" ? [...hets] : hets.filter((het) => isMeant(het, selector));
  const [only, ...others] = found;
  if (only === undefined)
    throw refusal("residue", `there is no het "${selector}": the file has ${labelsOf(hets)}`);
  if (others.length === 0) return only;
  const places = found.map((het) => `${labelOf(het)} (line ${het.atoms[0]?.line})`);
  const asked = selector === "" ? "several hets are there" : `het "${selector}" is ambiguous`;
  throw refusal("residue", `${asked}: ${someOf(places)}; name one as NAME:CHAIN:NUMBER`);
}

function refuseAlternates(residue: PdbResidue, atoms: readonly PdbAtom[]): void {
  const names = new Set(atoms.map((atom) => atom.name));
  const labels = new Set(atoms.map((atom) => atom.altloc).filter((label) => label !== ""));
  if (names.size === atoms.length && labels.size < 2) return;
  const rule = `${labelOf(residue)} has alternate locations (${[...labels].join(", ")}): keep one in the file`;
  const line = atoms.find((atom) => atom.altloc !== "")?.line ?? 1;
  throw new AppError("bad_input", rule, { fields: [{ line, rule }] });
}

/**
 * The bonds that CONECT gives within a het, or null where it does not serve: an atom without any, serials
 * that are not unique, a bond longer than atoms reach (serials that overflowed name other atoms).
 */
function writtenBonds(file: PdbFile, atoms: readonly PdbAtom[]): Bond[] | null {
  const indexOf = new Map(atoms.map((atom, index) => [atom.serial, index]));
  if (indexOf.size !== atoms.length) return null;
  const bonds = atoms.flatMap((atom, from) =>
    [...(file.bonded.get(atom.serial) ?? [])].flatMap((serial): Bond[] => {
      const to = indexOf.get(serial);
      return to === undefined || to <= from ? [] : [{ from, to, order: 1 }];
    }),
  );
  const named = new Set(bonds.flatMap(({ from, to }) => [from, to]));
  if (named.size !== atoms.length || !bonds.every((bond) => isReachable(bond, atoms))) return null;
  return bonds.sort((a, b) => a.from - b.from || a.to - b.to);
}

function isReachable({ from, to }: Bond, atoms: readonly PdbAtom[]): boolean {
  const [a, b] = [atoms[from], atoms[to]];
  if (a === undefined || b === undefined) return false;
  const radii = [a, b].map((atom) => COVALENT_RADII_ANGSTROM.get(atom.element) ?? Number.NaN);
  const reach = radii.reduce((sum, radius) => sum + radius, 2 * BOND_TOLERANCE_ANGSTROM);
  return distance(a.position, b.position) <= reach;
}
