import { checkGeometry } from "./bonds.ts";
import type { Bond, Geometry, Position } from "./geometry.ts";
import { badLine, decodeStructure, MAX_STRUCTURE_ATOMS, strictNumber, tooLarge } from "./xyz.ts";

/**
 * One record of an SD file; lists run over the atoms. `charge` is the sum of the formal charges, `isotopes` are
 * mass numbers (0 for natural), `properties` the data items.
 */
export type MolRecord = {
  geometry: Geometry;
  bonds: Bond[];
  charges: number[];
  isotopes: number[];
  charge: number;
  name: string;
  properties: Record<string, string>;
};

/**
 * The records of an SD file, each with its own `M  END` and data items, without the `$$$$` line. Blank text
 * after the last one is no record. `line` is where a record starts, from 1.
 */
export function splitSdf(text: string): { text: string; line: number }[] {
  const records: { text: string; line: number }[] = [];
  let own: string[] = [];
  let line = 1;
  for (const [index, row] of text.split(/\r\n|\n|\r/).entries()) {
    if (!row.startsWith("$$$$")) {
      own.push(row);
      continue;
    }
    records.push({ text: `${own.join("\n")}\n`, line });
    own = [];
    line = index + 2;
  }
  if (own.some((row) => row.trim() !== "")) records.push({ text: own.join("\n"), line });
  return records;
}

/**
 * One molblock, V2000 or V3000 (atoms, bonds, charges, isotopes of `M  ISO` and `MASS=`), with the data items of an SD record after it.
 * Aromatic bonds have order 1.5. AppError `bad_input` naming the line; `too_large` above 400,000 bytes or
 * 5,000 atoms.
 */
export function parseMolblock(source: string | Uint8Array): MolRecord {
  const text = decodeStructure(typeof source === "string" ? new TextEncoder().encode(source) : source);
  const [record, ...more] = splitSdf(text);
  if (record === undefined) throw badLine(1, "the file is blank: a molblock has at least four lines");
  if (more[0]) throw badLine(more[0].line, "is left over after the first record: split the file first");
  const lines = record.text.split("\n");
  const counts = lines[3];
  if (counts === undefined || counts.trim() === "")
    throw badLine(lines.length, "the file ends before the counts line (line 4): it is cut off");
  const body = /V3000\s*$/.test(counts) ? readV3000(lines) : readV2000(lines, counts);
  checkGeometry(body.geometry, (atom) => body.firstAtomLine + atom);
  checkBonds(body.bonds, body.geometry.elements.length, body.firstBondLine);
  const properties = readProperties(lines, body.end);
  const { geometry, bonds } = body;
  const charges = geometry.elements.map((_, atom) => body.charges[atom] ?? 0);
  const isotopes = geometry.elements.map((_, atom) => body.isotopes[atom] ?? 0);
  const charge = charges.reduce((sum, value) => sum + value, 0);
  return { geometry, bonds, charges, isotopes, charge, name: lines[0]?.trim() ?? "", properties };
}

type Body = {
  geometry: Geometry;
  bonds: Bond[];
  /** Formal charges by atom, where there is one. */
  charges: number[];
  /** Mass numbers by atom, where one is given. */
  isotopes: number[];
  firstAtomLine: number;
  firstBondLine: number;
  /** Index of the line after `M  END`. */
  end: number;
};

/** Old charge codes of the atom line; 4 is a doublet radical. */
const CHARGE_CODES = [0, 3, 2, 1, 0, -1, -2, -3];

function readV2000(lines: string[], counts: string): Body {
  if (!/V2000\s*$/.test(counts)) throw badLine(4, "the counts line must end in V2000 or V3000");
  const atoms = wholeNumber(counts.slice(0, 3), 4, "the number of atoms");
  const bondCount = wholeNumber(counts.slice(3, 6), 4, "the number of bonds");
  const end = lines.findIndex((line, index) => index > 3 && /^M {2}END/.test(line));
  if (end < 0) throw badLine(lines.length, "there is no line `M  END`: the record is cut off");
  if (end < 4 + atoms + bondCount)
    throw badLine(end + 1, `M  END stands here, but line 4 promises ${atoms} atoms and ${bondCount} bonds`);
  const geometry: Geometry = { elements: [], positions_angstrom: [] };
  const written: number[] = [];
  for (let index = 4; index < 4 + atoms; index += 1) {
    const line = lines[index] ?? "";
    geometry.positions_angstrom.push(
      readPosition([line.slice(0, 10), line.slice(10, 20), line.slice(20, 30)], index + 1),
    );
    geometry.elements.push(line.slice(31, 34).trim());
    written.push(CHARGE_CODES[Number(line.slice(36, 39).trim() || "0")] ?? 0);
  }
  const bonds = lines
    .slice(4 + atoms, 4 + atoms + bondCount)
    .map((line, index) =>
      readBond([line.slice(6, 9), line.slice(0, 3), line.slice(3, 6)], 5 + atoms + index),
    );
  const tail = lines.slice(4 + atoms + bondCount, end);
  const firstTagged = 5 + atoms + bondCount;
  checkTail(tail, firstTagged);
  // A line of charges or radicals takes the place of all the atom lines' codes.
  const replaced = tail.some((line) => /^M {2}(CHG|RAD)/.test(line));
  return {
    geometry,
    bonds,
    charges: replaced ? readTagged("CHG", "a charge", tail, firstTagged) : written,
    isotopes: readTagged("ISO", "a mass number", tail, firstTagged),
    firstAtomLine: 5,
    firstBondLine: 5 + atoms,
    end: end + 1,
  };
}

function checkTail(lines: string[], first: number): void {
  const odd = lines.findIndex((line) => !/^(M {2}|A {2}|V {2}|G {2}|S {2})/.test(line) && line.trim() !== "");
  if (odd >= 0)
    throw badLine(first + odd, `"${lines[odd]?.slice(0, 60)}" is neither a bond nor a property line`);
}

/** The values that lines `M  CHG` or `M  ISO` give, by atom. */
function readTagged(tag: "CHG" | "ISO", what: string, lines: string[], first: number): number[] {
  const values: number[] = [];
  for (const [index, line] of lines.entries()) {
    if (!line.startsWith(`M  ${tag}`)) continue;
    const cells = line.slice(9).trim().split(/\s+/);
    for (let at = 1; at < cells.length; at += 2) {
      const atom = wholeNumber(cells[at - 1] ?? "", first + index, "an atom") - 1;
      values[atom] = wholeNumber(cells[at] ?? "", first + index, what);
    }
  }
  return values;
}

function readV3000(lines: string[]): Body {
  const body: Body = {
    geometry: { elements: [], positions_angstrom: [] },
    bonds: [],
    charges: [],
    isotopes: [],
    firstAtomLine: 0,
    firstBondLine: 0,
    end: 0,
  };
  const numbers = new Map<string, number>();
  let block = "";
  let counts: [number, number] | null = null;
  for (let index = 4; index < lines.length; index += 1) {
    const row = lines[index] ?? "";
    if (/^M {2}END/.test(row)) {
      body.end = index + 1;
      break;
    }
    if (!row.startsWith("M  V30 ")) throw badLine(index + 1, "must start with `M  V30 `");
    const cells = row.slice(7).trim().split(/\s+/);
    if (cells[0] === "COUNTS")
      counts = [
        wholeNumber(cells[1] ?? "", index + 1, "the number of atoms"),
        wholeNumber(cells[2] ?? "", index + 1, "the number of bonds"),
      ];
    else if (cells[0] === "BEGIN") block = cells[1] ?? "";
    else if (cells[0] === "END") block = "";
    else if (block === "ATOM") readV3Atom(body, numbers, cells, index + 1);
    else if (block === "BOND") readV3Bond(body, numbers, cells, index + 1);
  }
  if (body.end === 0) throw badLine(lines.length, "there is no line `M  END`: the record is cut off");
  const found = [body.geometry.elements.length, body.bonds.length];
  if (counts === null || counts[0] !== found[0] || counts[1] !== found[1])
    throw badLine(
      body.end,
      `COUNTS promises ${counts?.join(" atoms, ") ?? "nothing"}; found ${found.join(" atoms, ")} bonds`,
    );
  return body;
}

function readV3Atom(body: Body, numbers: Map<string, number>, cells: string[], line: number): void {
  const [number = "", element = "", x = "", y = "", z = ""] = cells;
  if (body.firstAtomLine === 0) body.firstAtomLine = line;
  if (numbers.has(number)) throw badLine(line, `atom ${number} is written twice`);
  numbers.set(number, body.geometry.elements.length);
  body.geometry.elements.push(element);
  body.geometry.positions_angstrom.push(readPosition([x, y, z], line));
  const place = body.geometry.elements.length - 1;
  for (const cell of cells) {
    if (cell.startsWith("CHG=")) body.charges[place] = wholeNumber(cell.slice(4), line, "a charge");
    if (cell.startsWith("MASS=")) body.isotopes[place] = wholeNumber(cell.slice(5), line, "a mass number");
  }
}

function readV3Bond(body: Body, numbers: Map<string, number>, cells: string[], line: number): void {
  const [, order = "", from = "", to = ""] = cells;
  if (body.firstBondLine === 0) body.firstBondLine = line;
  const place = (number: string) => String((numbers.get(number) ?? -1) + 1);
  body.bonds.push(readBond([order, place(from), place(to)], line));
}

function readPosition(cells: [string, string, string], line: number): Position {
  const [x, y, z] = cells.map((cell) => strictNumber(cell.trim()));
  if (x == null || y == null || z == null)
    throw badLine(
      line,
      `"${cells.join(" ").trim().slice(0, 60)}": x, y and z must be finite decimal numbers in Å`,
    );
  return [x, y, z];
}

function readBond([type, first, second]: [string, string, string], line: number): Bond {
  const order = { "1": 1, "2": 2, "3": 3, "4": 1.5 }[type.trim()];
  if (order === undefined)
    throw badLine(line, `bond type "${type.trim().slice(0, 20)}" is not 1, 2, 3 or 4 (aromatic)`);
  const ends = [wholeNumber(first, line, "an atom"), wholeNumber(second, line, "an atom")].map(
    (end) => end - 1,
  );
  return { from: Math.min(...ends), to: Math.max(...ends), order };
}

function checkBonds(bonds: Bond[], atoms: number, firstLine: number): void {
  const seen = new Set<number>();
  for (const [index, { from, to }] of bonds.entries()) {
    const name = `bond ${from + 1}–${to + 1}`;
    if (from < 0 || to >= atoms)
      throw badLine(firstLine + index, `${name}: the atoms run from 1 to ${atoms}`);
    if (from === to) throw badLine(firstLine + index, `${name} joins an atom to itself`);
    if (seen.has(from * atoms + to)) throw badLine(firstLine + index, `${name} is written twice`);
    seen.add(from * atoms + to);
  }
}

function readProperties(lines: string[], start: number): Record<string, string> {
  const properties: Record<string, string> = Object.create(null);
  let name: string | null = null;
  let value: string[] = [];
  const keep = () => {
    if (name !== null) properties[name] = value.join("\n").trimEnd();
    [name, value] = [null, []];
  };
  for (const [index, line] of lines.slice(start).entries()) {
    const tag = /^>.*<([^<>]+)>/.exec(line)?.[1];
    if (tag !== undefined) {
      keep();
      name = tag;
    } else if (name !== null && line.trim() === "") keep();
    else if (name !== null) value.push(line);
    else if (line.trim() !== "")
      throw badLine(start + index + 1, `"${line.slice(0, 60)}" follows M  END but is no data item`);
  }
  keep();
  return properties;
}

function wholeNumber(text: string, line: number, what: string): number {
  const clean = text.trim();
  if (!/^[+-]?\d{1,6}$/.test(clean)) throw badLine(line, `"${clean.slice(0, 20)}" must be ${what}`);
  const value = Number(clean);
  if (value > MAX_STRUCTURE_ATOMS) throw tooLarge(`line ${line}: ${value} is above ${MAX_STRUCTURE_ATOMS}`);
  return value;
}
