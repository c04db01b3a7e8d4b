import { AppError } from "../errors.ts";
import type { Position } from "./geometry.ts";

/** An atom of a PDBQT file: AutoDock type and position in Å. */
export type PdbqtAtom = { type: string; position_angstrom: Position };

/**
 * The atoms of a PDBQT text in file order, by column (x 31–38, y 39–46, z 47–54, type 78–79). Throws AppError
 * bad_input naming the line where a coordinate is no finite number.
 */
export function pdbqtAtoms(text: string): PdbqtAtom[] {
  return text.split("\n").flatMap((line, index) => {
    if (!/^(ATOM {2}|HETATM)/.test(line)) return [];
    const [x, y, z] = [30, 38, 46].map((from) => coordinate(line.slice(from, from + 8), index + 1));
    if (x === undefined || y === undefined || z === undefined) return [];
    return [{ type: line.slice(77, 79).trim(), position_angstrom: [x, y, z] as const }];
  });
}

/** Hydrogens are HD; AutoDock knows H as well. */
export function isHeavyType(type: string): boolean {
  return type !== "HD" && type !== "H" && type !== "HS";
}

function coordinate(field: string, line: number): number {
  const value = field.trim() === "" ? Number.NaN : Number(field);
  if (Number.isFinite(value)) return value;
  const rule = `line ${line}: the coordinate "${field}" is no number`;
  throw new AppError("bad_input", rule, { fields: [{ line, rule }] });
}
