import { AppError } from "../errors.ts";
import type { Bond, Geometry } from "./geometry.ts";
import { parseMolblock, splitSdf } from "./sdf.ts";
import { decodeStructure, parseXyz } from "./xyz.ts";

/** Of a file with many records; each of them has the limit of one structure. */
const MOST_FILE_BYTES = 64 * 1024 * 1024;

/** Coordinates out of a file, with bonds where the format has them. */
export type ReadStructure = { geometry: Geometry; bonds?: Bond[]; charge: number | null; molblock?: string };

/**
 * Reads one record (from 1) of a structure file by its format. Throws AppError bad_input that names the
 * line and the rule.
 */
export function readStructure(format: string, bytes: Uint8Array, record = 1): ReadStructure {
  if (format === "xyz") return { geometry: parseXyz(bytes), charge: null };
  if (format === "sdf") {
    const molblock = sdfRecord(bytes, record);
    const { geometry, bonds, charge } = parseMolblock(molblock);
    return { geometry, bonds, charge, molblock };
  }
  throw new AppError("bad_input", `structures in ${format} can't be read here: give XYZ or SDF/MOL`);
}

/** The text of one record (from 1) of an SD file, without its `$$$$`; empty where there is none. */
export function sdfRecord(bytes: Uint8Array, record: number): string {
  return splitSdf(decodeStructure(bytes, MOST_FILE_BYTES))[record - 1]?.text ?? "";
}

/** Whether a structure's file holds others beside it: the poses of a docking are one file. */
export function isOneOfMany(row: { format: string; kind: string; record: number }): boolean {
  return row.format === "sdf" && (row.kind === "pose" || row.record > 1);
}

/** One record (from 1) of an SD file, as a file of its own. */
export function oneRecord(bytes: Uint8Array, record: number): string {
  return `${sdfRecord(bytes, record)}$$$$\n`;
}

/** Format by file name: xyz, or sdf for .sdf, .sd and .mol. Throws AppError bad_input otherwise. */
export function formatOfName(name: string): "xyz" | "sdf" {
  const extension = name.toLowerCase().split(".").pop() ?? "";
  if (extension === "xyz") return "xyz";
  if (extension === "sdf" || extension === "sd" || extension === "mol") return "sdf";
  throw new AppError(
    "bad_input",
    `can't tell the format of "${name.slice(0, 60)}": name it .xyz, .sdf or .mol`,
  );
}
