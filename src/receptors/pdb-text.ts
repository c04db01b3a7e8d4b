import { AppError } from "../errors.ts";
import { badLine, tooLarge } from "../structures/xyz.ts";

/** A PDB file may be this large: an entry that fits its columns has 100,000 atoms, 8 MB a model. */
export const MAX_PDB_BYTES = 20 * 1024 * 1024;

/**
 * The lines of a PDB file without their ends (LF, CR LF or CR). AppError `bad_input` for what is no PDB
 * text: empty, NUL bytes, not UTF-8, compressed, mmCIF; code `too_large` above 20 MiB.
 */
export function pdbLines(bytes: Uint8Array): string[] {
  if (bytes.length === 0) throw badLine(1, "the file is empty (0 bytes)");
  if (bytes.length > MAX_PDB_BYTES)
    throw tooLarge(`the file has ${bytes.length} bytes; a PDB file may have ${MAX_PDB_BYTES}`);
  if (bytes[0] === 0x1f && bytes[1] === 0x8b)
    throw badLine(1, "the file is compressed (gzip): unpack it first");
  const zero = bytes.indexOf(0);
  if (zero >= 0) throw badLine(lineAt(bytes, zero), "there is a NUL byte: this is not a PDB file");
  const lines = decode(bytes).split(/\r\n|\n|\r/);
  refuseCif(lines);
  return lines;
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw badLine(firstUndecodable(bytes), "these bytes are not UTF-8: a PDB file is plain ASCII text");
  }
}

/** mmCIF has lines that begin with ATOM as well, so it must be known before any is read. */
function refuseCif(lines: string[]): void {
  const first = lines.find((line) => line.trim() !== "" && !line.startsWith("#")) ?? "";
  if (!/^data_/i.test(first) && !lines.some((line) => /^_atom_site\./.test(line))) return;
  const rule = "this is an mmCIF file: give the PDB file of the same entry";
  throw new AppError("bad_input", rule, { fields: [{ line: 1, rule }] });
}

function lineAt(bytes: Uint8Array, offset: number): number {
  let line = 1;
  for (const byte of bytes.subarray(0, offset)) if (byte === 10) line += 1;
  return line;
}

/** A line feed is never part of a longer UTF-8 character, so each line can be tried alone. */
function firstUndecodable(bytes: Uint8Array): number {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let [line, start] = [1, 0];
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
    try {
      decoder.decode(bytes.subarray(start, end));
    } catch {
      return line;
    }
    line += 1;
    start = end + 1;
  }
  return line;
}
