import { COVALENT_RADII_ANGSTROM } from "../structures/bonds.ts";
import { hasTemplateAtom, templateOf } from "./templates.ts";

const NONMETALS = new Set(
  "H He B C N O F Ne Si P S Cl Ar As Se Br Kr Te I Xe At Rn".split(" ").map((symbol) => symbol.toUpperCase()),
);

/** Two letters that no four-letter name of a C, N or O begins with. */
const PLAIN_PAIRS = new Set(["CL", "BR", "FE", "ZN", "MG", "MN", "SE", "SI"]);

/**
 * The element symbol of an atom of a PDB file, empty where it cannot be told; deuterium is H.
 * `name` is columns 13–16 as they stand: a symbol of one letter is in column 14. `field` is columns 77–78,
 * believed only where it is a symbol that the name begins with: files of before 1996 hold their entry's
 * name and line number there.
 */
export function elementOf(residueName: string, name: string, field: string): string {
  const trimmed = name.trim();
  // `CA` of a residue is never calcium, whatever the columns say or however the name is aligned.
  if (hasTemplateAtom(residueName, trimmed)) return trimmed.charAt(0);
  const letters = trimmed.toUpperCase().replace(/[^A-Z]/g, "");
  if (templateOf(residueName) !== null && /^[HD]/.test(letters)) return "H";
  const stated = field.trim().toUpperCase();
  if (stated !== "" && isSymbol(stated) && letters.startsWith(stated)) return spell(stated);
  if (trimmed.toUpperCase() === residueName.toUpperCase() && isMetal(trimmed)) return spell(trimmed);
  return spell(fromAlignment(name.toUpperCase(), letters));
}

/** Whether a symbol, in any case, is a metal's. */
export function isMetal(symbol: string): boolean {
  return isSymbol(symbol) && !NONMETALS.has(symbol.toUpperCase()) && symbol.toUpperCase() !== "D";
}

function fromAlignment(name: string, letters: string): string {
  const [first, two] = [letters.slice(0, 1), name.slice(0, 2)];
  const paired = /^[A-Z]{2}$/.test(two) && isSymbol(two);
  // A name of four letters has no room to show its symbol by alignment.
  if (paired && (name.trim().length < 4 || PLAIN_PAIRS.has(two))) return two;
  if (isSymbol(first)) return first;
  return isSymbol(letters.slice(0, 2)) ? letters.slice(0, 2) : "";
}

function isSymbol(text: string): boolean {
  return text.toUpperCase() === "D" || COVALENT_RADII_ANGSTROM.has(spell(text));
}

function spell(text: string): string {
  if (text.toUpperCase() === "D") return "H";
  return text.charAt(0).toUpperCase() + text.slice(1).toLowerCase();
}
