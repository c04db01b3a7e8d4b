import { AppError } from "../errors.ts";
import type { PdbResidue } from "./pdb.ts";
import { labelOf, numberOf, placeOf } from "./residues.ts";

const MOST_NAMED = 8;

/** The first few of a list of names: `A:1, A:2 and 5 more`. */
export function someOf(names: readonly string[], most = MOST_NAMED): string {
  const rest = names.length - most;
  return rest > 0 ? `${names.slice(0, most).join(", ")} and ${rest} more` : names.join(", ");
}

/**
 * The chain letters to prepare, in the file's order; all of `there` where none is wished. A blank chain is
 * wished as `_` (or an empty string). AppError `bad_input` for one that has no protein.
 */
export function chooseChains(there: readonly string[], wished: readonly string[] | undefined): string[] {
  if (wished === undefined || wished.length === 0) return [...there];
  const letters = new Set(wished.map((chain) => chainLetter(chain, there)));
  for (const letter of letters)
    if (!there.includes(letter))
      throw refusal(
        "chains",
        `there is no protein chain "${letter}": the file has ${someOf(there.map(chainName))}`,
      );
  return there.filter((chain) => letters.has(chain));
}

/** A chain as people read it: a blank one is `_`. */
export function chainName(chain: string): string {
  return chain === "" ? "_" : chain;
}

/**
 * The one residue that `201` or `A:201` means among candidates (`what`, for messages: "water"). AppError
 * `bad_input` at `path`: none, naming the nearest numbers, or several, naming each.
 */
export function pickPlace(
  candidates: readonly PdbResidue[],
  selector: string,
  what: string,
  path: string,
): PdbResidue {
  const parts = selector.trim().split(":");
  const [number = "", chain] = parts.reverse();
  if (parts.length > 2 || !/^-?\d+[A-Za-z]?$/.test(number))
    throw refusal(path, `"${selector}" names no ${what}: write its number, or chain and number as A:201`);
  const inChain = candidates.filter(
    (residue) => chain === undefined || residue.chain === chain || (chain === "_" && residue.chain === ""),
  );
  const found = inChain.filter((residue) => numberOf(residue) === number);
  const [only, ...others] = found;
  if (only === undefined)
    throw refusal(path, `there is no ${what} ${selector}: ${nearest(inChain, candidates, number, what)}`);
  if (others.length === 0) return only;
  const places = found.map((residue) => `${placeOf(residue)} (line ${residue.atoms[0]?.line})`);
  throw refusal(path, `${what} ${selector} is ambiguous: ${someOf(places)}; name the chain as well`);
}

/**
 * Whether a het is meant by `NAME`, `NAME:CHAIN:NUMBER`, `CHAIN:NUMBER` or `NAME:NUMBER`. Names are compared
 * without regard to case, chains with; a blank chain is `_` or left empty.
 */
export function isMeant(residue: PdbResidue, selector: string): boolean {
  const parts = selector.split(":").map((part) => part.trim());
  const isNamed = (name: string | undefined) => name?.toUpperCase() === residue.name.toUpperCase();
  const isChain = (chain: string | undefined) =>
    chain === residue.chain || chain === chainName(residue.chain);
  const [first, second, third] = parts;
  if (parts.length === 1) return isNamed(first);
  if (parts.length === 3) return isNamed(first) && isChain(second) && third === numberOf(residue);
  return parts.length === 2 && (isChain(first) || isNamed(first)) && second === numberOf(residue);
}

/** The labels of residues, each once, for messages; `none` where there are none. */
export function labelsOf(residues: readonly PdbResidue[]): string {
  return residues.length === 0 ? "none" : someOf([...new Set(residues.map(labelOf))]);
}

export function refusal(path: string, rule: string): AppError {
  return new AppError("bad_input", rule, { fields: [{ path, rule }] });
}

function chainLetter(wished: string, there: readonly string[]): string {
  const letter = wished.trim();
  return letter === "_" && !there.includes("_") ? "" : letter;
}

function nearest(
  inChain: readonly PdbResidue[],
  all: readonly PdbResidue[],
  number: string,
  what: string,
): string {
  if (all.length === 0) return `the file has no ${what} to choose from`;
  const wanted = Number.parseInt(number, 10);
  const pool = inChain.length > 0 ? inChain : all;
  const near = pool.toSorted((a, b) => Math.abs(a.number - wanted) - Math.abs(b.number - wanted));
  return `the nearest numbers are ${someOf(near.slice(0, 3).map(placeOf))}`;
}
