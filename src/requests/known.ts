import { formulaCounts } from "../calculations/species.ts";
import type { Identified, Identity } from "../toolkit/toolkit.ts";

/** A registered species, as its row says. */
export type KnownSpecies = Pick<
  Identity,
  "identity_key" | "formula" | "charge" | "stereo_status" | "heavy_atoms"
> & {
  molecule_id: string;
  smiles: string | null;
  /** True: the organization does not see it. */
  is_private: boolean;
};

/** What decides the parameters of one species. */
export type WantedSpecies = Pick<Identity, "charge" | "radical_electrons">;

/** Atoms in brackets that have the valence of their element: stereo of carbon, and the hydrogen of a pyrrole. */
const USUAL = /\[C@@?H?\]|\[nH\]/g;

/**
 * Whether a row says all that its computation asks: one part, stereo decided, and no atom in brackets that might
 * be a radical (outside brackets every atom has its usual valence). Anything else is read by the toolkit again.
 */
export function isDecided({ smiles, stereo_status }: KnownSpecies): boolean {
  if (smiles === null || !["none", "defined"].includes(stereo_status)) return false;
  return !/[.|[]/.test(smiles.replaceAll(USUAL, "C"));
}

/** The row of a decided species as the toolkit would say it. */
export function speciesOf(row: KnownSpecies): Identified {
  const species = {
    ...row,
    smiles: row.smiles ?? "",
    undefined_centres: 0,
    radical_electrons: 0,
    elements: [...formulaCounts(row.formula).keys()],
  };
  // What refusing asks is here; the rest of an identity is in the row and asked of nobody.
  return { ok: true, species: species as unknown as Identity, parent: null, compound_parent: null };
}
