import { AppError } from "../errors.ts";
import type { ReceptorOptions } from "./options.ts";
import type { PdbFile, PdbResidue } from "./pdb.ts";
import { heavyAtoms, labelOf, type Role, rolesOf } from "./residues.ts";
import { chooseChains, isMeant, labelsOf, pickPlace, refusal, someOf } from "./select.ts";

/** What a receptor is made of, as the options choose it from a file. */
export type Chosen = {
  chains: string[];
  /** Chains of protein or nucleic acid that were not chosen. */
  leftOut: string[];
  protein: PdbResidue[];
  waters: PdbResidue[];
  watersInFile: number;
  /** Ligands, buffers and ions of the whole file. */
  hets: PdbResidue[];
  /** All but waters and what was chosen to be left out. */
  considered: [residue: PdbResidue, role: Role][];
};

/** AppError `bad_input` for a file without protein and for choices that name nothing or several. */
export function selectFrom(file: PdbFile, options: ReceptorOptions): Chosen {
  const all = [...rolesOf(file)];
  const of = (...roles: Role[]) => all.filter(([, role]) => roles.includes(role)).map(([residue]) => residue);
  const [protein, waters, hets] = [of("protein"), of("water"), of("het", "unknown")];
  if (protein.length === 0) throw noProtein(waters.length, of("het", "unknown", "modified", "nucleic"));
  const chains = chooseChains(lettersOf(protein), options.chains);
  const polymer = lettersOf(of("protein", "nucleic", "modified"));
  const areChosen = (options.chains ?? []).length > 0;
  const leftOut = areChosen ? polymer.filter((chain) => !chains.includes(chain)) : [];
  const dropped = droppedHets(hets, options.drop_hets ?? []);
  return {
    chains,
    leftOut,
    protein: protein.filter((residue) => chains.includes(residue.chain)),
    waters: keptWaters(waters, options.keep_waters ?? []),
    watersInFile: waters.length,
    hets,
    considered: all.filter(
      ([residue, role]) => role !== "water" && !leftOut.includes(residue.chain) && !dropped.has(residue),
    ),
  };
}

function noProtein(waters: number, others: readonly PdbResidue[]): AppError {
  const found = [
    ...(waters > 0 ? [`${waters} waters`] : []),
    ...(others.length > 0 ? [someOf(others.map(labelOf))] : []),
  ];
  const rule = `the file has no protein residues, only ${found.join(" and ")}: give the file of the receptor`;
  return new AppError("bad_input", rule, { fields: [{ line: 1, rule }] });
}

function lettersOf(residues: readonly PdbResidue[]): string[] {
  return [...new Set(residues.map((residue) => residue.chain))];
}

/** Waters to keep, in file order whatever the order of the wishes. */
function keptWaters(waters: readonly PdbResidue[], wishes: readonly string[]): PdbResidue[] {
  const picked = new Set(
    wishes.map((wish, index) => pickPlace(waters, wish, "water", `keep_waters/${index}`)),
  );
  return waters.filter((water) => {
    if (!picked.has(water)) return false;
    if (heavyAtoms(water).some((atom) => atom.element === "O")) return true;
    throw refusal("keep_waters", `water ${labelOf(water)} (line ${water.atoms[0]?.line}) has no oxygen`);
  });
}

function droppedHets(hets: readonly PdbResidue[], selectors: readonly string[]): Set<PdbResidue> {
  const dropped = selectors.flatMap((selector, index) => {
    const meant = hets.filter((het) => isMeant(het, selector));
    if (meant.length > 0) return meant;
    throw refusal(`drop_hets/${index}`, `there is no het "${selector}": the file has ${labelsOf(hets)}`);
  });
  return new Set(dropped);
}
