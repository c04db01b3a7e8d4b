import { decimal } from "../canonical.ts";
import { AppError } from "../errors.ts";
import { checkGeometry } from "./bonds.ts";
import type { Geometry, Position } from "./geometry.ts";

export const MAX_STRUCTURE_BYTES = 400_000;
export const MAX_STRUCTURE_ATOMS = 5_000;

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
/** Extended XYZ may carry more columns after the positions, but only where its comment line says so. */
const EXTENDED = /Properties=species:S:1:pos:R:3/i;

/**
 * One geometry from an XYZ file: the first frame; all frames after it must be sound too. Positions in Å.
 * AppError `bad_input` naming the line (`too_large` above 400,000 bytes or 5,000 atoms).
 */
export function parseXyz(bytes: Uint8Array): Geometry {
  const [first] = parseXyzFrames(bytes);
  if (first === undefined) throw badLine(1, "the file holds no frame");
  return first;
}

/** Every frame of an XYZ file, at least one, in order, positions in Å. Same errors as `parseXyz`. */
export function parseXyzFrames(bytes: Uint8Array): Geometry[] {
  const lines = decodeStructure(bytes).split(/\r\n|\n|\r/);
  while (lines.length > 0 && lines.at(-1)?.trim() === "") lines.pop();
  if (lines.length === 0) throw badLine(1, "the file is blank: the first line must be the number of atoms");
  const frames: Geometry[] = [];
  for (let start = 0; start < lines.length; ) {
    const frame = parseFrame(lines, start);
    frames.push(frame);
    start += 2 + frame.elements.length;
  }
  return frames;
}

/**
 * XYZ text of one frame: Å with `places` decimals, one LF a line. The comment loses its line breaks, so
 * it cannot start a line of its own. Equal input gives equal bytes.
 */
export function formatXyz(geometry: Geometry, comment: string, places = 10): string {
  const rows = geometry.elements.map((element, index) => {
    const position = geometry.positions_angstrom[index] ?? [Number.NaN, Number.NaN, Number.NaN];
    const cells = position.map((value) => decimal(value, places).padStart(places + 6));
    return `${element.padEnd(2)} ${cells.join(" ")}`;
  });
  return `${[geometry.elements.length, comment.replace(/[\r\n\0]+/g, " "), ...rows].join("\n")}\n`;
}

/**
 * The text of a structure file: UTF-8 only, no NUL bytes, not empty, ≤ 400,000 bytes unless `most` says else.
 * AppError `bad_input` naming the line, code `too_large` where it is.
 */
export function decodeStructure(bytes: Uint8Array, most = MAX_STRUCTURE_BYTES): string {
  if (bytes.length === 0) throw badLine(1, "the file is empty (0 bytes)");
  if (bytes.length > most) throw tooLarge(`the file has ${bytes.length} bytes; a structure may have ${most}`);
  const zero = bytes.indexOf(0);
  if (zero >= 0) throw badLine(lineAt(bytes, zero), "there is a NUL byte: this is not a text file");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badLine(lineAt(bytes, firstInvalid(bytes)), "these bytes are not UTF-8: save the file as UTF-8");
  }
}

/** AppError `bad_input` about one line (from 1) of a structure file. */
export function badLine(line: number, rule: string): AppError {
  return new AppError("bad_input", `line ${line}: ${rule}`, { fields: [{ line, rule }] });
}

/** AppError `bad_input`, code `too_large`. */
export function tooLarge(rule: string): AppError {
  return new AppError("bad_input", rule, { code: "too_large", fields: [{ line: 1, rule }] });
}

/** A decimal number as written, or null: no words (nan, inf), no blanks, no hexadecimal. */
export function strictNumber(text: string): number | null {
  if (!NUMBER.test(text)) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function parseFrame(lines: string[], start: number): Geometry {
  const count = atomCount(lines, start);
  const extended = EXTENDED.test(lines[start + 1] ?? "");
  const missing = start + 2 + count - lines.length;
  if (missing > 0)
    throw badLine(
      lines.length,
      `the file ends here, but ${missing} more of ${count} atom lines should follow`,
    );
  const geometry: Geometry = { elements: [], positions_angstrom: [] };
  for (let line = start + 2; line < start + 2 + count; line += 1) {
    const [element, position] = parseAtom(lines[line] ?? "", line + 1, extended);
    geometry.elements.push(element);
    geometry.positions_angstrom.push(position);
  }
  checkGeometry(geometry, (atom) => start + 3 + atom);
  return geometry;
}

function atomCount(lines: string[], start: number): number {
  const text = lines[start]?.trim() ?? "";
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) {
    const rule =
      start === 0 ? "must be the number of atoms, at least 1" : "is left over after the last frame";
    throw badLine(start + 1, `"${text.slice(0, 60)}" ${rule}`);
  }
  const count = Number(text);
  if (count > MAX_STRUCTURE_ATOMS)
    throw tooLarge(`line ${start + 1}: ${count} atoms; a structure may have ${MAX_STRUCTURE_ATOMS}`);
  return count;
}

function parseAtom(text: string, line: number, extended: boolean): [string, Position] {
  const [element = "", ...cells] = text.trim().split(/\s+/);
  if (cells.length < 3 || (cells.length > 3 && !extended))
    throw badLine(line, `"${text.trim().slice(0, 60)}" must be an element and x, y, z in Å`);
  const [x, y, z] = cells.slice(0, 3).map(strictNumber);
  if (x == null || y == null || z == null)
    throw badLine(line, `"${text.trim().slice(0, 60)}": x, y and z must be finite decimal numbers in Å`);
  return [element, [x, y, z]];
}

function lineAt(bytes: Uint8Array, offset: number): number {
  let line = 1;
  for (const byte of bytes.subarray(0, offset)) if (byte === 10) line += 1;
  return line;
}

/** The longest prefix that decodes, found by halving: only used once a file is known to be bad. */
function firstInvalid(bytes: Uint8Array): number {
  let [good, bad] = [0, bytes.length];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    try {
      // `stream` lets a character that is only cut in two pass.
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, middle), { stream: true });
      good = middle;
    } catch {
      bad = middle;
    }
  }
  return good;
}
