import { AppError } from "../errors.ts";
import type { Bond, Geometry } from "./geometry.ts";
import { parseMolblock, splitSdf } from "./sdf.ts";
import { decodeStructure, parseXyz } from "./xyz.ts";

/** Coordinates out of a file, with bonds where the format has them. */
export type ReadStructure = { geometry: Geometry; bonds?: Bond[]; charge: number | null; molblock?: string };

/**
 * Reads the first record of a structure file by its format. Throws AppError bad_input that names the
 * line and the rule.
 */
export function readStructure(format: string, bytes: Uint8Array): ReadStructure {
  if (format === "xyz") return { geometry: parseXyz(bytes), charge: null };
  if (format === "sdf") {
    const record = splitSdf(decodeStructure(bytes))[0]?.text ?? "";
    const { geometry, bonds, charge } = parseMolblock(record);
    return { geometry, bonds, charge, molblock: record };
  }
  throw new AppError("bad_input", `structures in ${format} can't be read here: give XYZ or SDF/MOL`);
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
