import { AppError } from "../errors.ts";
import { sha256 } from "../ids.ts";
import type { Position } from "../structures/geometry.ts";
import { badLine, tooLarge } from "../structures/xyz.ts";
import { elementOf } from "./elements.ts";
import { pdbLines } from "./pdb-text.ts";
import { isWaterName, templateOf } from "./templates.ts";

/** More atoms than the columns of a PDB file can number. */
export const MAX_PDB_ATOMS = 100_000;
/** Several times what the largest residues of the Protein Data Bank have: atoms are looked up one by one. */
const MAX_RESIDUE_ATOMS = 1000;

/** An atom of a PDB file; `altloc` is empty where blank, `element` where it cannot be told. */
export type PdbAtom = {
  name: string;
  element: string;
  altloc: string;
  position: Position;
  het: boolean;
  /** Columns 7–11 as written: only CONECT refers to them, and overflown ones (`*****`) name nothing. */
  serial: string;
  /** From 1. */
  line: number;
};

/**
 * A residue: chain, number, insertion code and name together are its key, and the TER records before it
 * (`segment` counts them). `chain` and `insertion` are empty where blank; `het` where all atoms are HETATM.
 */
export type PdbResidue = {
  name: string;
  chain: string;
  number: number;
  insertion: string;
  segment: number;
  het: boolean;
  atoms: PdbAtom[];
};

/** What a PDB file's first model holds, in file order. */
export type PdbFile = {
  sha256: string;
  residues: PdbResidue[];
  /** MODEL records, at least 1: only the first is read. */
  models: number;
  /** ATOM and HETATM records after END or after the last ENDMDL, which no model holds: not read. */
  atoms_left_over: number;
  /** Columns 73–80 hold the entry's name and a line number, as before 1996. */
  old_format: boolean;
  /** Whether an END record closes the file. */
  ended: boolean;
  /** Bonds by serial, from CONECT. */
  bonded: ReadonlyMap<string, ReadonlySet<string>>;
  /** Residues that MODRES calls modified, as `name chain number insertion`. */
  modified: ReadonlySet<string>;
};

type Reading = {
  residues: PdbResidue[];
  byKey: Map<string, PdbResidue>;
  bonded: Map<string, Set<string>>;
  modified: Set<string>;
  models: number;
  segment: number;
  atoms: number;
  atomsLeftOver: number;
  oldFormat: boolean;
  /** The first model is over. */
  closed: boolean;
  inLaterModel: boolean;
  ended: boolean;
};

/**
 * Reads a PDB file by columns (wwPDB format 3.3, and its form of before 1996): the first model, positions
 * in Å. Columns 1–54 decide; occupancy and B-factor are not read. AppError `bad_input` naming the line:
 * a record cut short, coordinates that are not finite numbers, the same atom twice, no atoms, no PDB text;
 * code `too_large` above 20 MiB or 100,000 atoms.
 */
export function readPdb(bytes: Uint8Array): PdbFile {
  const reading: Reading = {
    residues: [],
    byKey: new Map(),
    bonded: new Map(),
    modified: new Set(),
    models: 0,
    segment: 0,
    atoms: 0,
    atomsLeftOver: 0,
    oldFormat: false,
    closed: false,
    inLaterModel: false,
    ended: false,
  };
  for (const [index, line] of pdbLines(bytes).entries()) readLine(reading, line, index + 1);
  if (reading.atoms === 0) {
    const rule = "the file has no ATOM or HETATM records: give a PDB file with coordinates";
    throw new AppError("bad_input", rule, { fields: [{ line: 1, rule }] });
  }
  return {
    sha256: sha256(bytes),
    residues: reading.residues,
    models: Math.max(1, reading.models),
    atoms_left_over: reading.atomsLeftOver,
    old_format: reading.oldFormat,
    ended: reading.ended,
    bonded: reading.bonded,
    modified: reading.modified,
  };
}

/** The key by which MODRES names a residue. */
export function modresKey(name: string, chain: string, number: string, insertion: string): string {
  return [name, chain, number, insertion].map((part) => part.trim()).join(" ");
}

function readLine(reading: Reading, line: string, at: number): void {
  const record = line.slice(0, 6).trimEnd();
  if (record === "ATOM" || record === "HETATM") readAtomRecord(reading, line, at);
  else if (record === "CONECT") readConect(reading.bonded, line);
  else if (record === "MODRES") readModres(reading.modified, line);
  else readBoundary(reading, record);
}

/** The records between which a model's chains stand. */
function readBoundary(reading: Reading, record: string): void {
  if (record === "TER" && !reading.closed) reading.segment += 1;
  if (record === "MODEL") {
    reading.models += 1;
    // Atoms before the first MODEL are the model that is read.
    reading.closed ||= reading.models > 1 || reading.atoms > 0;
    reading.inLaterModel = reading.closed;
  }
  if (record === "ENDMDL" || record === "END") {
    reading.closed = true;
    reading.inLaterModel = false;
  }
  reading.ended ||= record === "END";
}

function readAtomRecord(reading: Reading, line: string, at: number): void {
  if (reading.closed) {
    if (!reading.inLaterModel) reading.atomsLeftOver += 1;
    return;
  }
  reading.atoms += 1;
  if (reading.atoms > MAX_PDB_ATOMS)
    throw tooLarge(`line ${at}: the model has more than ${MAX_PDB_ATOMS} atoms`);
  if (/[^\x20-\x7e]/.test(line.slice(0, 54)))
    throw badLine(at, "an atom record holds a character that is not printable ASCII");
  if (line.length < 54)
    throw badLine(at, "the record is cut short: x, y and z stand in columns 31–54; is the file complete?");
  const name = line.slice(12, 16);
  const residueName = line.slice(17, 20).trim();
  if (name.trim() === "") throw badLine(at, "the atom has no name in columns 13–16");
  if (residueName === "") throw badLine(at, "the residue has no name in columns 18–20");
  reading.oldFormat ||= /^\S{4}[ \d]{3}\d$/.test(line.slice(72, 80));
  const atom: PdbAtom = {
    name: name.trim(),
    element: elementOf(residueName, name, line.slice(76, 78)),
    altloc: line.slice(16, 17).trim(),
    position: readPosition(line, at),
    het: line.startsWith("HETATM"),
    serial: line.slice(6, 11).trim(),
    line: at,
  };
  addAtom(reading, atom, residueName, line);
}

function addAtom(reading: Reading, atom: PdbAtom, name: string, line: string): void {
  const chain = line.slice(21, 22).trim();
  const number = residueNumber(line.slice(22, 26), atom.line);
  const insertion = line.slice(26, 27).trim();
  const key = [reading.segment, chain, number, insertion, name].join("|");
  const known = reading.byKey.get(key);
  const twin = known?.atoms.find((other) => other.name === atom.name && other.altloc === atom.altloc);
  // Solvent boxes have more waters than numbers, so numbers come again: each is a water of its own.
  if (known !== undefined && (twin === undefined || !isWaterName(name))) {
    if (twin !== undefined)
      throw badLine(
        atom.line,
        `atom ${atom.name} of ${name} ${chain}${number}${insertion} is there twice (line ${twin.line})`,
      );
    if (known.atoms.length >= MAX_RESIDUE_ATOMS)
      throw tooLarge(`line ${atom.line}: residue ${name} has more than ${MAX_RESIDUE_ATOMS} atoms`);
    known.atoms.push(atom);
    known.het &&= atom.het;
    return;
  }
  const residue: PdbResidue = {
    name,
    chain,
    number,
    insertion,
    segment: reading.segment,
    het: atom.het,
    atoms: [atom],
  };
  reading.byKey.set(key, residue);
  reading.residues.push(residue);
}

function readPosition(line: string, at: number): Position {
  return [
    coordinate(line.slice(30, 38), at, "x"),
    coordinate(line.slice(38, 46), at, "y"),
    coordinate(line.slice(46, 54), at, "z"),
  ];
}

function coordinate(text: string, at: number, axis: string): number {
  const value = /^ *[+-]?(\d+\.?\d*|\.\d+) *$/.test(text) ? Number(text) : Number.NaN;
  // What eight columns hold with three decimals: it must be possible to write it again.
  if (value > -1000 && value < 10_000) return value;
  throw badLine(at, `${axis} must be a finite number in Å, −999.999 to 9999.999, not "${text.trim()}"`);
}

/**
 * Columns 23–26; from 10,000 on some programs count in "hybrid-36": A000 is 10,000
 * (Grosse-Kunstleve et al., IUCr Computing Commission Newsletter 8, 2007).
 */
function residueNumber(text: string, at: number): number {
  const trimmed = text.trim();
  if (/^-?\d{1,4}$/.test(trimmed)) return Number(trimmed);
  const base = Number.parseInt(trimmed, 36) - 10 * 36 ** 3 + 10_000;
  if (/^[A-Z][0-9A-Z]{3}$/.test(trimmed)) return base;
  if (/^[a-z][0-9a-z]{3}$/.test(trimmed)) return base + 26 * 36 ** 3;
  throw badLine(at, `the residue number in columns 23–26 must be a whole number, not "${trimmed}"`);
}

function readConect(bonded: Map<string, Set<string>>, line: string): void {
  const cells = [6, 11, 16, 21, 26].map((start) => line.slice(start, start + 5).trim());
  const [from = "", ...to] = cells.map((cell) => (cell.includes("*") ? "" : cell));
  if (from === "") return;
  for (const other of to) {
    if (other === "" || other === from) continue;
    link(bonded, from, other);
    link(bonded, other, from);
  }
}

/** MODRES lists sugars as well: only what stands for an amino acid is part of a chain. */
function readModres(modified: Set<string>, line: string): void {
  if (templateOf(line.slice(24, 27).trim()) === null) return;
  modified.add(modresKey(line.slice(12, 15), line.slice(16, 17), line.slice(18, 22), line.slice(22, 23)));
}

function link(bonded: Map<string, Set<string>>, from: string, to: string): void {
  const known = bonded.get(from);
  if (known === undefined) bonded.set(from, new Set([to]));
  else known.add(to);
}
