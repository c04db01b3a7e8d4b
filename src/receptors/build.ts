import type { Position } from "../structures/geometry.ts";
import { dot, subtract, unit } from "../structures/vectors.ts";
import { addToGrid, type Grid, nearby } from "./grid.ts";
import { amideHydrogen, donorHydrogens, terminusHydrogens, waterHydrogens } from "./hydrogens.ts";
import type { PdbResidue } from "./pdb.ts";
import { atomOf, heavyAtoms, isSameRun, PEPTIDE_LIMIT_ANGSTROM, peptideLength } from "./residues.ts";
import type { ReceptorAtom } from "./rigid-pdbqt.ts";
import { type AtomType, templateOf } from "./templates.ts";

/** Residues joined to one chain, in order; the first begins it with a charged N-terminus. */
export type Peptide = PdbResidue[];

/** A water's hydrogens point at acceptors this near (Å), as strong to moderate hydrogen bonds are long. */
const HYDROGEN_BOND_ANGSTROM = 3.5;

/** Protein residues as peptides: a TER or another chain letter begins a new one. */
export function peptidesOf(protein: readonly PdbResidue[]): Peptide[] {
  const peptides: Peptide[] = [];
  for (const [index, residue] of protein.entries()) {
    const before = protein[index - 1];
    if (before !== undefined && isSameRun(before, residue)) peptides.at(-1)?.push(residue);
    else peptides.push([residue]);
  }
  return peptides;
}

/** Hydrogens on a peptide's first N: 3 (PRO 2), or as within a chain where it is bonded to its own end. */
export function terminalHydrogens(peptide: Peptide): number {
  const [first] = peptide;
  if (first === undefined || closing(peptide) !== undefined) return first?.name === "PRO" ? 0 : 1;
  return first.name === "PRO" ? 2 : 3;
}

/**
 * The atoms of one peptide as they are written: heavy atoms in the template's order, OXT last, each donor
 * followed by its hydrogens. `nameOf` gives the template's name for a residue in its state.
 */
export function peptideAtoms(
  peptide: Peptide,
  nameOf: (residue: PdbResidue) => string,
  molecule: number,
): ReceptorAtom[] {
  return peptide.flatMap((residue, index) => {
    const before = peptide[index - 1] ?? closing(peptide);
    const template = templateOf(nameOf(residue));
    const positionOf = (name: string) => atomOf(residue, name)?.position;
    const written = [...(template?.atoms ?? []), { name: "OXT", type: "OA" as const }];
    return written.flatMap(({ name, type }) => {
      const position = positionOf(name);
      if (position === undefined) return [];
      const donor = template?.donors.find((rule) => rule.atom === name);
      const own = donor === undefined ? [] : donorHydrogens(donor, positionOf);
      const hydrogens = name === "N" ? backboneHydrogens(residue, before) : own;
      return withHydrogens(residue, molecule, { name, type, position }, hydrogens);
    });
  });
}

/** Waters as they are written: OA and two HD, which point at the receptor's nearest acceptors. */
export function waterAtoms(
  waters: readonly PdbResidue[],
  receptor: readonly ReceptorAtom[],
  molecule: number,
): ReceptorAtom[] {
  if (waters.length === 0) return [];
  const grid: Grid<Position> = new Map();
  for (const { type, position } of receptor)
    if (type === "OA" || type === "NA") addToGrid(grid, position, position);
  return waters.flatMap((water) => {
    const position = heavyAtoms(water)[0]?.position;
    if (position === undefined) return [];
    const acceptors = nearby(grid, position, HYDROGEN_BOND_ANGSTROM).map(({ item }) => item);
    const hydrogens = waterHydrogens(position, twoSides(position, acceptors));
    return withHydrogens(water, molecule, { name: "O", type: "OA", position }, hydrogens);
  });
}

/** The last residue of a ring of residues, which stands before the first one. */
function closing(peptide: Peptide): PdbResidue | undefined {
  const [first, last] = [peptide[0], peptide.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  return peptideLength(last, first) < PEPTIDE_LIMIT_ANGSTROM ? last : undefined;
}

function backboneHydrogens(residue: PdbResidue, before: PdbResidue | undefined): Position[] {
  const [nitrogen, alpha, carbon] = ["N", "CA", "C"].map((name) => atomOf(residue, name)?.position);
  if (nitrogen === undefined || alpha === undefined || carbon === undefined) return [];
  const isProline = residue.name === "PRO";
  const carbonBefore = before === undefined ? undefined : atomOf(before, "C")?.position;
  if (carbonBefore !== undefined) return isProline ? [] : [amideHydrogen(nitrogen, alpha, carbonBefore)];
  if (!isProline) return terminusHydrogens(nitrogen, alpha, carbon, null);
  const ring = atomOf(residue, "CD")?.position;
  return terminusHydrogens(nitrogen, alpha, carbon, ring ?? null).slice(0, 2);
}

/** The nearest acceptor, and the next one that is not behind it. */
function twoSides(oxygen: Position, acceptors: readonly Position[]): Position[] {
  const [first, ...rest] = acceptors;
  if (first === undefined) return [];
  const direction = (other: Position) => unit(subtract(other, oxygen)) ?? [1, 0, 0];
  const aside = rest.find((other) => dot(direction(first), direction(other)) < 0.5);
  return aside === undefined ? [first] : [first, aside];
}

function withHydrogens(
  residue: PdbResidue,
  molecule: number,
  heavy: { name: string; type: AtomType; position: Position },
  hydrogens: readonly Position[],
): ReceptorAtom[] {
  const { name, chain, number, insertion, het } = residue;
  const common = { residue: { name, chain, number, insertion }, het, molecule };
  const several = hydrogens.length > 1;
  // The wwPDB names a hydrogen after the place of its heavy atom: HE1 on NE1, HH11 and HH12 on NH1.
  const places = hydrogens.map((position, index) => ({
    name: `H${heavy.name.slice(1)}${several ? index + 1 : ""}`,
    type: "HD" as const,
    position,
  }));
  return [heavy, ...places].map((atom) => ({ ...atom, ...common }));
}
