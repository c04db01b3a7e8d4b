import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { AppError, unreadable } from "../errors.ts";
import { hasFileName, readMoleculeFile } from "../molecules/read-file.ts";
import type { MoleculeRecord } from "../molecules/schema.ts";

/** What words gave; `source_file` names the last file among them. */
export type Given = { records: MoleculeRecord[]; source_file: string | null };

/**
 * Whether a word names a file; else it is a SMILES. Throws AppError bad_input where it is neither: a name or a path of
 * a file that is not there.
 */
export async function namesFile(word: string): Promise<boolean> {
  let why: unknown;
  const found = await stat(word).catch((error: unknown) => {
    why = error;
  });
  if (found?.isFile() === true) return true;
  const isFolder = found?.isDirectory() === true && hasOtherLetters(word);
  if (!hasFileName(word) && !isPath(word) && !isFolder) return false;
  if (found === undefined) throw unreadable(word, why);
  throw new AppError(
    "bad_input",
    `can't read ${word}: it is ${found.isDirectory() ? "a folder" : "no file"}`,
  );
}

/**
 * A word with slashes and letters that no SMILES has outside brackets. What begins with a slash may be a double
 * bond's, and what holds bonds, branches or rings of brackets is a SMILES that somebody mistyped.
 */
function isPath(word: string): boolean {
  if (/^(\.{1,2}|~)(\/|$)/.test(word)) return true;
  return /^[^\s()[\]=#@]*\/[^\s()[\]=#@]*$/.test(word) && hasOtherLetters(word);
}

/** Letters that no SMILES has outside brackets. */
function hasOtherLetters(word: string): boolean {
  return /[A-Za-z_]/.test(word.replaceAll(/Cl|Br|[BCNOPSFIbcnops]/g, ""));
}

/**
 * Records of words, each a file's or a SMILES, then those of a file that an option names. Throws AppError bad_input.
 */
export async function readGiven(words: string[], path?: string): Promise<Given> {
  const given: Given = { records: [], source_file: null };
  const add = async (file: string) => {
    given.records.push(...(await readMoleculeFile(file)));
    given.source_file = basename(file);
  };
  for (const text of words) {
    if (await namesFile(text)) await add(text);
    else given.records.push({ text, format: "smiles" });
  }
  if (path !== undefined) await add(path);
  return given;
}
