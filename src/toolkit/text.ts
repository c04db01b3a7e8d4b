import type { MoleculeInput, Rejected } from "./toolkit.ts";

export const MAX_SMILES_CHARACTERS = 2_000;
export const MAX_MOLBLOCK_CHARACTERS = 200_000;
export const MAX_HEAVY_ATOMS = 400;

/** SMILES, then at most one CXSMILES extension. */
const SMILES_CX = /^([^\s|]+)(?:[ \t]+\|([^|]*)\|)?$/;
const SMILES_ALPHABET = /^[A-Za-z0-9@+\-[\]()=#$:%.*~/\\<>]+$/;
/** R-groups and attachment points, variable attachment, link nodes, R logic, polymers. */
const CX_PATTERNS: readonly [RegExp, string][] = [
  [/\$[^$]*(_R|_AP|\bR\d)/, "R-groups"],
  [/(^|,)(m|LN|RG|LO):/, "variable attachments"],
  [/(^|,)Sg:/, "polymers"],
];
const POLYMER =
  /^M {2}STY.*\b(SRU|MON|MER|COP|CRO|GRA|MOD|ANY|MIX|FOR)\b|^M {2}V30 \d+ (SRU|MON|MER|COP|CRO|GRA|MOD|ANY|MIX|FOR)\b/m;
const MOLBLOCK_ATOM = /^(?:.{31}([A-Za-z*#]{1,3})|M {2}V30 \d+ ([A-Za-z*#]{1,3}) )/;

export function reject(code: Rejected["code"], message: string): Rejected {
  return { ok: false, code, message };
}

/** At most 60 characters of input for a message, without control characters. */
export function quote(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}]+/gu, " ").trim();
  return `"${clean.length > 60 ? `${clean.slice(0, 57)}...` : clean}"`;
}

/** A number of open stereo elements with its verb: "2 stereocentres or double bonds are". */
export function openElements(count: number): string {
  return count === 1 ? "1 stereocentre or double bond is" : `${count} stereocentres or double bonds are`;
}

/**
 * What can be refused from the text alone, before RDKit sees it: null when nothing. RDKit itself drops
 * what follows a blank, takes an empty text for a molecule, and traps on long chains.
 */
export function refuseText(input: MoleculeInput): Rejected | null {
  if (typeof input.text !== "string" || input.text.trim() === "")
    return reject("bad_input", "the record is empty: give a SMILES or a molblock");
  if (input.text.includes("\0"))
    return reject("bad_input", "there is a NUL byte in the record: this is not text");
  return input.format === "smiles" ? refuseSmiles(input.text.trim()) : refuseMolblock(input.text);
}

function refuseSmiles(text: string): Rejected | null {
  if (text.length > MAX_SMILES_CHARACTERS)
    return reject("too_large", `the SMILES has ${text.length} characters; at most 2,000 are taken`);
  const match = SMILES_CX.exec(text);
  const [, smiles = "", extension = ""] = match ?? [];
  if (match === null || !SMILES_ALPHABET.test(smiles)) {
    const why = /\s/.test(text) ? "there is a blank inside" : "there is a character no SMILES has";
    return reject("bad_input", `${quote(text)} is not one SMILES: ${why}; names go in a field of their own`);
  }
  const pattern = CX_PATTERNS.find(([expression]) => expression.test(extension));
  if (pattern)
    return reject("unsupported_element", `${quote(text)} has ${pattern[1]}: give one whole molecule`);
  const heavy = countSmilesAtoms(smiles);
  return heavy > MAX_HEAVY_ATOMS ? tooManyAtoms(heavy) : null;
}

function refuseMolblock(text: string): Rejected | null {
  if (text.length > MAX_MOLBLOCK_CHARACTERS)
    return reject("too_large", `the molblock has ${text.length} characters; at most 200,000 are taken`);
  if (!/^M {2}END/m.test(text))
    return reject("unparsable_input", "the molblock has no line `M  END`: it is cut off or not a molblock");
  if (/^\s*\{/.test(text)) return reject("unparsable_input", "the record is JSON, not a molblock");
  if (POLYMER.test(text))
    return reject("bad_input", "the molblock is a polymer or a mixture: give one whole molecule");
  const heavy = countMolblockAtoms(text);
  return heavy > MAX_HEAVY_ATOMS ? tooManyAtoms(heavy) : null;
}

export function tooManyAtoms(heavy: number): Rejected {
  return reject("too_large", `the molecule has ${heavy} heavy atoms; at most ${MAX_HEAVY_ATOMS} are taken`);
}

/** Atoms a SMILES writes, hydrogens left out: a bracket is one atom, else each element letter. */
export function countSmilesAtoms(smiles: string): number {
  const bare = smiles.replace(/\[\d*H[+-]?\d*\]/g, "").replace(/\[[^\]]*\]/g, "C");
  return bare.match(/Cl|Br|[BCNOPSFIbcnops*]/g)?.length ?? 0;
}

function countMolblockAtoms(text: string): number {
  let heavy = 0;
  for (const line of text.split(/\r\n|\n|\r/)) {
    const [, v2, v3] = MOLBLOCK_ATOM.exec(line) ?? [];
    const symbol = v2 ?? v3;
    if (symbol !== undefined && !["H", "D", "T"].includes(symbol.trim())) heavy += 1;
  }
  return heavy;
}
