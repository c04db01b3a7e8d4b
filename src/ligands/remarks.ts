import { AppError } from "../errors.ts";
import { neighbourLists } from "../structures/adjacency.ts";
import type { Ligand } from "./ligand.ts";

/** Columns of a remark line, as Meeko wraps them. */
const WIDTH = 79;

/**
 * What a PDBQT file says of its molecule, in the remarks that Meeko's `RDKitMolCreate` reads: the SMILES,
 * `SMILES IDX` with pairs (atom of the SMILES, serial) for heavy atoms, and `H PARENT` with pairs (heavy
 * atom of the SMILES, serial) for the hydrogens that are written; all from 1. `order` is the ligand's atom
 * behind each serial. AppError `internal` where the SMILES has other atoms than the ligand.
 */
export function ligandRemarks(ligand: Ligand, order: readonly number[]): string[] {
  const { elements } = ligand.geometry;
  const [smiles = ""] = ligand.smiles.split(/\s/);
  const numbers = smilesNumbers(smiles, elements);
  const neighbours = neighbourLists(elements.length, ligand.bonds);
  const serials = order.map((atom, index) => ({ atom, serial: index + 1 }));
  const heavy = serials.filter(({ atom }) => elements[atom] !== "H");
  const hydrogens = serials.filter(({ atom }) => elements[atom] === "H");
  return [
    `REMARK SMILES ${smiles}`,
    ...wrap(
      "REMARK SMILES IDX",
      heavy.map(({ atom, serial }) => `${numbers.get(atom)} ${serial}`),
    ),
    ...wrap(
      "REMARK H PARENT",
      hydrogens.map(({ atom, serial }) => `${numbers.get(neighbours[atom]?.[0] ?? -1)} ${serial}`),
    ),
  ];
}

/** For each heavy atom its number in the SMILES, where hydrogens written as atoms ([2H]) are counted too. */
function smilesNumbers(smiles: string, elements: readonly string[]): Map<number, number> {
  const tokens = smiles.match(/\[[^\]]*\]|Cl|Br|[BCNOPSFIbcnops]/g) ?? [];
  const places = tokens.flatMap((token, index) => (/^\[\d*H[+-]?\d*\]$/.test(token) ? [] : [index + 1]));
  const heavy = [...elements.keys()].filter((atom) => elements[atom] !== "H");
  if (places.length !== heavy.length)
    throw new AppError(
      "internal",
      `a ligand of ${heavy.length} heavy atoms has a SMILES of ${places.length}`,
    );
  // Another RDKit writes another canonical SMILES than the stored one: then the conformer's order is another too.
  const odd = heavy.find((atom, index) => symbolIn(tokens[(places[index] ?? 0) - 1]) !== elements[atom]);
  if (odd !== undefined)
    throw new AppError(
      "internal",
      `atom ${odd + 1} of a ligand is ${elements[odd]} and another in its SMILES`,
    );
  return new Map(heavy.map((atom, index) => [atom, places[index] ?? 0]));
}

/** The element of an atom in a SMILES: `[nH+]` and `n` are N. */
function symbolIn(token = ""): string {
  const symbol = /^\[?\d*([A-Z][a-z]?|[a-z]{1,2})/.exec(token)?.[1] ?? "";
  const known = /^(se|as|te|si)/.test(symbol) || /^[A-Z]/.test(symbol) ? symbol : symbol.slice(0, 1);
  return known.slice(0, 1).toUpperCase() + known.slice(1);
}

function wrap(prefix: string, pairs: readonly string[]): string[] {
  const lines: string[] = [];
  let line = prefix;
  for (const pair of pairs) {
    if (line.length + 1 + pair.length >= WIDTH) {
      lines.push(line);
      line = prefix;
    }
    line += ` ${pair}`;
  }
  return line === prefix ? lines : [...lines, line];
}
