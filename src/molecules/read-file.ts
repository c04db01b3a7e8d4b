import { open } from "node:fs/promises";
import { AppError, unreadable } from "../errors.ts";
import { splitSdf } from "../structures/sdf.ts";
import type { MoleculeRecord } from "./schema.ts";

/** Larger files come with the streaming import; until then they are read whole. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * Records of a molecule file: a SMILES list (one record a line, blank or tab, then a name; `#` begins a
 * comment; a CXSMILES extension is kept) or SDF/MOL. Throws AppError bad_input: unreadable, empty, not
 * UTF-8, too large.
 */
export async function readMoleculeFile(path: string): Promise<MoleculeRecord[]> {
  refuseOtherFormats(path);
  const text = await readText(path);
  const records = isSdf(path) ? sdfRecords(text) : smilesRecords(text);
  if (records.length === 0) throw new AppError("bad_input", `${path} holds no record`);
  return records;
}

const OTHER_FORMATS = /\.(xyz|pdb|ent|cif|mmcif|pdbqt|mol2|csv|tsv)$/i;

const PACKED = /\.(gz|bz2|xz|zst|zip)$/i;

/** Whether a word ends as the name of a file of molecules does, also of a kind that is not read here; no SMILES does. */
export function hasFileName(word: string): boolean {
  return /\.(smi|smiles|sdf|sd|mol|txt)$/i.test(word) || OTHER_FORMATS.test(word) || PACKED.test(word);
}

export function isSdf(path: string): boolean {
  return /\.(sdf|sd|mol)$/i.test(path);
}

/** Throws AppError bad_input on a file whose name says that it is of another kind. */
export function refuseOtherFormats(path: string): void {
  if (PACKED.test(path)) throw new AppError("bad_input", `${path} is packed: unpack it first`);
  const other = OTHER_FORMATS.exec(path)?.[0];
  if (other !== undefined)
    throw new AppError(
      "bad_input",
      `${path} is a ${other} file: molecules are read from a SMILES list (.smi), SDF or MOL`,
    );
}

async function readText(path: string): Promise<string> {
  const bytes = await readBytes(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AppError("bad_input", `${path} is not UTF-8 text`, { cause });
  }
}

async function readBytes(path: string): Promise<Buffer> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size === 0) throw new AppError("bad_input", `${path} is empty (0 bytes)`);
    if (size > MOST_BYTES)
      throw new AppError("bad_input", `${path} is larger than 64 MiB: split it`, { code: "too_large" });
    return await file.readFile();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw unreadable(path, cause);
  }
}

export function smilesRecords(text: string): MoleculeRecord[] {
  return text.split(/\r?\n/).flatMap((line, index): MoleculeRecord[] => {
    const trimmed = line.trim();
    if (trimmed === "" || trimmed.startsWith("#")) return [];
    const [, smiles = trimmed, extension = "", name = ""] =
      /^(\S+)(\s+\|[^|]*\|)?(?:\s+(.*))?$/.exec(trimmed) ?? [];
    const record: MoleculeRecord = {
      text: extension === "" ? smiles : `${smiles} ${extension.trim()}`,
      format: "smiles",
      line: index + 1,
    };
    return [name === "" ? record : { ...record, name: named(name) }];
  });
}

/** Columns of a file stand in its names; a name is words. */
function named(text: string): string {
  return text.replaceAll("\t", " ").trim().slice(0, 500);
}

export function sdfRecords(text: string): MoleculeRecord[] {
  return splitSdf(text).map((record, index): MoleculeRecord => {
    const block = record.text.split(/^M {2}END.*$/m)[0] ?? record.text;
    const name = named(record.text.split(/\r?\n/, 1)[0] ?? "");
    const properties = tagsOf(record.text);
    return {
      text: record.text.includes("M  END") ? `${block}M  END\n` : record.text,
      format: "molblock",
      line: index + 1,
      ...(name === "" ? {} : { name }),
      ...(Object.keys(properties).length === 0 ? {} : { properties }),
    };
  });
}

/** SD tags: `> <NAME>` and the lines until a blank one. */
function tagsOf(record: string): Record<string, string> {
  const tags: Record<string, string> = {};
  for (const [, name = "", value = ""] of record.matchAll(/^>.*?<([^>]+)>.*\r?\n((?:.+\r?\n?)*)/gm))
    tags[name] = value.trim();
  return tags;
}
