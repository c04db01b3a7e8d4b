import { decimal, signatureOf } from "../../canonical.ts";
import type { XtbResult } from "./schema.ts";

type Given = Pick<XtbResult, "energy_eh" | "connectivity_preserved">;

/** In Eh: far above the noise of the last digits and far below anything chemical. */
const STEP = 1e-6;

/**
 * SHA-256 of what the same run must give again: the energy to 1e-6 Eh, and whether the molecule stayed what it was.
 */
export function xtbResultHash({ energy_eh, connectivity_preserved }: Given): string {
  return signatureOf({ energy_eh: decimal(energy_eh, 6), connectivity_preserved });
}

/**
 * The hash that the same run may have as well: of the rounding on the other side of the energy. Two that differ by
 * noise may round apart, and one of them then has the other's; further apart than 1.5 steps neither has.
 */
export function xtbNearHashes(result: Given): string[] {
  const rounded = Number(decimal(result.energy_eh, 6));
  const energy_eh = rounded + (result.energy_eh < rounded ? -STEP : STEP);
  return [xtbResultHash({ ...result, energy_eh })];
}
