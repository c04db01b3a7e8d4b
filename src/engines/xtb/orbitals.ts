import type { XtbJson } from "./json.ts";

export type Frontier = { homo_ev: number | null; lumo_ev: number | null; gap_ev: number | null };

/**
 * HOMO and LUMO as xtb marks them: the orbital that the last alpha electron fills, (n + U)/2 of n valence
 * electrons and U unpaired ones, and the next. Orbitals are restricted, so for an open shell the HOMO is the
 * highest singly occupied one (O2: the 7th of 8). Without electrons (H+, Na+) there is no HOMO, with every
 * orbital occupied (H, N) no LUMO, and either way no gap: xtb's own line then shows one level alone.
 */
export function frontier(json: XtbJson): Frontier {
  const energies = json["orbital energies/eV"];
  const alpha = (json["number of electrons"] + json["number of unpaired electrons"]) / 2;
  const homo_ev = energies[alpha - 1] ?? null;
  const lumo_ev = energies[alpha] ?? null;
  return { homo_ev, lumo_ev, gap_ev: homo_ev === null || lumo_ev === null ? null : json["HOMO-LUMO gap/eV"] };
}

/**
 * Whether any orbital is left empty. Where none is (N quartet, H2 triplet: a minimal basis, all of it
 * filled), xtb 6.5.1 reads past its arrays: the energy of one and the same input was right or off by 3 Eh
 * (GFN2) or 3,600 Eh (GFN1), a third of the times wrong.
 */
export function hasVirtualOrbital(json: XtbJson): boolean {
  return frontier(json).lumo_ev !== null;
}
