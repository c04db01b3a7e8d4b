import { decimal, signatureOf } from "../../canonical.ts";
import type { XtbResult } from "./schema.ts";

/**
 * SHA-256 of what the same run must give again: the energy to 1e-6 Eh, which is far above the noise of the last
 * digits and far below anything chemical, and whether the molecule stayed what it was.
 */
export function xtbResultHash(result: Pick<XtbResult, "energy_eh" | "connectivity_preserved">): string {
  return signatureOf({
    energy_eh: decimal(result.energy_eh, 6),
    connectivity_preserved: result.connectivity_preserved,
  });
}
