import { distance } from "../structures/vectors.ts";
import { isMetal } from "./elements.ts";
import { modresKey, type PdbAtom, type PdbFile, type PdbResidue } from "./pdb.ts";
import { isWaterName, standardAtomName, templateOf } from "./templates.ts";

/** C and N of neighbouring residues that are nearer than this, in Å, are a peptide bond (1.33 Å). */
export const PEPTIDE_LIMIT_ANGSTROM = 1.9;

const NUCLEOTIDES = new Set("A C G U I T N DA DC DG DT DU DI DN ADE CYT GUA URA THY".split(" "));

/**
 * What a residue is to a receptor. `modified`: an amino acid without a template that is part of a chain;
 * `unknown`: an ATOM residue without a template that is not part of one; `het`: all else that is no protein,
 * water or nucleic acid: ligands, buffers, ions.
 */
export type Role = "protein" | "water" | "nucleic" | "modified" | "unknown" | "het";

/** The role of each residue of a file. */
export function rolesOf(file: PdbFile): Map<PdbResidue, Role> {
  const roles = new Map<PdbResidue, Role>();
  const last = lastProtein(file.residues);
  for (const [index, residue] of file.residues.entries()) {
    const [before, after] = [file.residues[index - 1], file.residues[index + 1]];
    const inside = isLinked(before, residue) || isLinked(residue, after);
    roles.set(residue, roleOf(file, residue, inside || isEnclosed(residue, index, last)));
  }
  return roles;
}

/** Whether two residues that follow each other in a file are joined by a peptide bond. */
export function isLinked(first: PdbResidue | undefined, second: PdbResidue | undefined): boolean {
  if (first === undefined || second === undefined || !isSameRun(first, second)) return false;
  return peptideLength(first, second) < PEPTIDE_LIMIT_ANGSTROM;
}

/** Whether no TER and no other chain stands between two residues. */
export function isSameRun(a: PdbResidue, b: PdbResidue): boolean {
  return a.chain === b.chain && a.segment === b.segment;
}

/** From the C of a residue to the N of the next, in Å; infinite where one is missing. */
export function peptideLength(first: PdbResidue, second: PdbResidue): number {
  const [carbon, nitrogen] = [atomOf(first, "C"), atomOf(second, "N")];
  if (carbon === undefined || nitrogen === undefined) return Number.POSITIVE_INFINITY;
  return distance(carbon.position, nitrogen.position);
}

/** The heavy atom that the templates know by a name. */
export function atomOf(residue: PdbResidue, name: string): PdbAtom | undefined {
  return residue.atoms.find(
    (atom) => atom.element !== "H" && standardAtomName(residue.name, atom.name) === name,
  );
}

export function heavyAtoms(residue: PdbResidue): PdbAtom[] {
  return residue.atoms.filter((atom) => atom.element !== "H");
}

export function hasMetal(residue: PdbResidue): boolean {
  return residue.atoms.some((atom) => isMetal(atom.element));
}

/** `201`, `60A` with its insertion code. */
export function numberOf(residue: PdbResidue): string {
  return `${residue.number}${residue.insertion}`;
}

/** `A:201`, or `201` where the chain is blank. */
export function placeOf(residue: PdbResidue): string {
  return residue.chain === "" ? numberOf(residue) : `${residue.chain}:${numberOf(residue)}`;
}

/** `478:A:1`, or `478:200` where the chain is blank: what people name a het by. */
export function labelOf(residue: PdbResidue): string {
  return `${residue.name}:${placeOf(residue)}`;
}

function roleOf(file: PdbFile, residue: PdbResidue, inside: boolean): Role {
  if (isWaterName(residue.name)) return "water";
  // MODRES names glycosylated ASN and the like as well: their own atoms are those of the template.
  if (templateOf(residue.name) !== null) return !residue.het || inside ? "protein" : "het";
  if (isNucleotide(residue)) return "nucleic";
  const { name, chain, number, insertion } = residue;
  if (inside || file.modified.has(modresKey(name, chain, String(number), insertion))) return "modified";
  return residue.het ? "het" : "unknown";
}

function isNucleotide(residue: PdbResidue): boolean {
  const sugar = residue.atoms.some((atom) => /^C1['*]$/.test(atom.name));
  return sugar && (NUCLEOTIDES.has(residue.name) || !residue.het);
}

/** A residue with an amino acid's backbone before the last protein residue of its run belongs to the chain. */
function isEnclosed(residue: PdbResidue, index: number, last: Map<string, number>): boolean {
  const hasBackbone = ["N", "CA", "C"].every((name) => atomOf(residue, name) !== undefined);
  return hasBackbone && index < (last.get(runKey(residue)) ?? -1);
}

function lastProtein(residues: PdbResidue[]): Map<string, number> {
  const last = new Map<string, number>();
  for (const [index, residue] of residues.entries())
    if (!residue.het && templateOf(residue.name) !== null) last.set(runKey(residue), index);
  return last;
}

function runKey(residue: PdbResidue): string {
  return `${residue.segment}|${residue.chain}`;
}
