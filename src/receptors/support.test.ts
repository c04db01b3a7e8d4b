import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Value } from "typebox/value";
import { AppError } from "../errors.ts";
import type { Position } from "../structures/geometry.ts";
import { place } from "./hydrogens.ts";
import { prepareReceptor, type ReceptorOptions } from "./prepare.ts";
import { ReceptorReport } from "./report.ts";

/** Shared by the tests of this folder; it has none of its own. */

/** Entry 1HPV as it is in `examples/`, in the format of before 1996. */
export const HPV = readFileSync(join(import.meta.dirname, "../../examples/1hpv.pdb"), "utf8");

export type TestAtom = {
  name: string;
  residue: string;
  chain: string;
  number: number;
  position: Position;
  het?: boolean;
  altloc?: string;
  insertion?: string;
  /** Columns 77–78. */
  element?: string;
  serial?: string;
};

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** One ATOM or HETATM record of 80 columns; names of up to three letters start in column 14. */
export function record(atom: TestAtom): string {
  const name = atom.name.length === 4 ? atom.name : ` ${atom.name.padEnd(3)}`;
  const xyz = atom.position.map((value) => value.toFixed(3).padStart(8)).join("");
  const head = `${atom.het === true ? "HETATM" : "ATOM  "}${(atom.serial ?? "1").padStart(5)} ${name}`;
  const residue = `${atom.altloc ?? " "}${atom.residue.padStart(3)} ${atom.chain}${String(atom.number).padStart(4)}`;
  const element = (atom.element ?? atom.name.slice(0, 1)).padStart(2);
  return `${head}${residue}${atom.insertion ?? " "}   ${xyz}  1.00 20.00          ${element}  `;
}

/** A PDB file of records, END at its end. */
export function pdb(...parts: (TestAtom[] | string)[]): string {
  const lines = parts.flatMap((part) => (typeof part === "string" ? [part] : part.map(record)));
  return `${[...lines, "END"].join("\n")}\n`;
}

/** An extended peptide with the bond lengths and angles of Engh and Huber; side chains up to CB and one more. */
export function peptide(
  names: readonly string[],
  { chain = "A", start = 1, at = [0, 0, 0] as Position, het = false } = {},
): TestAtom[] {
  let [before, alphaBefore, carbonBefore]: Position[] = [
    [at[0] - 1, at[1] + 2, at[2]],
    [at[0] - 1.5, at[1] + 1, at[2]],
    at,
  ];
  return names.flatMap((residue, index) => {
    const nitrogen = next(before!, alphaBefore!, carbonBefore!, 1.33, 117, 120);
    const alpha = next(alphaBefore!, carbonBefore!, nitrogen, 1.46, 122, 180);
    const carbon = next(carbonBefore!, nitrogen, alpha, 1.52, 111, -120);
    const oxygen = next(nitrogen, alpha, carbon, 1.23, 121, -60);
    [before, alphaBefore, carbonBefore] = [nitrogen, alpha, carbon];
    const beta = next(carbonBefore, nitrogen, alpha, 1.53, 110, 120);
    const end = SIDE_ENDS[residue];
    const places: [string, Position][] = [
      ["N", nitrogen],
      ["CA", alpha],
      ["C", carbon],
      ["O", oxygen],
      ...(residue === "GLY" ? [] : [["CB", beta] as [string, Position]]),
      ...(end === undefined ? [] : [[end, next(nitrogen, alpha, beta, 1.43, 110, 60)] as [string, Position]]),
    ];
    return places.map(([name, position]) => ({
      ...{ name, residue, chain, number: start + index, position, het },
    }));
  });
}

const SIDE_ENDS: Record<string, string> = { SER: "OG", CYS: "SG", CYX: "SG" };

function next(
  a: Position,
  b: Position,
  c: Position,
  distance: number,
  angle: number,
  torsion: number,
): Position {
  return place(a, b, c, { distance, angle, torsion });
}

export function water(number: number, position: Position, chain = " "): TestAtom {
  return { name: "O", residue: "HOH", chain, number, position, het: true };
}

/** The AppError `bad_input` that a call throws, with a message of one line. */
export function refusal(call: () => unknown): AppError {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof AppError, error instanceof Error ? error.stack : String(error));
    assert.equal(error.kind, "bad_input");
    assert.ok(error.fields.length > 0, "no field is named");
    assert.ok(!error.message.includes("\n"));
    return error;
  }
  assert.fail("it was accepted");
}

export type PdbqtAtom = { name: string; residue: string; place: string; type: string; position: Position };

/** The atoms of a PDBQT text by its columns. */
export function readPdbqt(text: string): PdbqtAtom[] {
  return text
    .split("\n")
    .filter((line) => /^(ATOM {2}|HETATM)/.test(line))
    .map((line) => ({
      name: line.slice(12, 16).trim(),
      residue: line.slice(17, 20).trim(),
      place: line.slice(21, 27).trim().replace(/ +/, ""),
      type: line.slice(77, 79).trim(),
      position: [30, 38, 46].map((at) => Number(line.slice(at, at + 8))) as [number, number, number],
    }));
}

/** A prepared receptor and its atoms as they are written; the report must be what its schema says. */
export function prepare(text: string, options: ReceptorOptions = {}) {
  const prepared = prepareReceptor(bytes(text), options);
  assert.ok(Value.Check(ReceptorReport, prepared.report), "the report is not what its schema says");
  return { ...prepared, atoms: readPdbqt(prepared.pdbqt) };
}

/** How many atoms of each type a residue is written with: `C 4 HD 2 N 1`. */
export function typesAt(atoms: PdbqtAtom[], place: string): string {
  const own = atoms.filter((atom) => atom.place === place).map((atom) => atom.type);
  return [...new Set(own)]
    .sort()
    .map((type) => `${type} ${own.filter((other) => other === type).length}`)
    .join(" ");
}
