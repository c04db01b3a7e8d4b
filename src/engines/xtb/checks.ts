import { check } from "../confidence.ts";
import type { EngineCheck } from "../engine.ts";
import { dipolesAgree, type Vector } from "./dipole.ts";
import { type Engrad, gradientNorm } from "./gradient.ts";
import type { XtbJson } from "./json.ts";
import type { XtbLog } from "./log.ts";
import { type Frontier, frontier, hasVirtualOrbital } from "./orbitals.ts";

/** Below this gap, in eV, one determinant is a doubtful picture of the electrons. */
export const SMALL_GAP_EV = 0.5;
/** The final single point starts its SCF anew and moves the norm a little past the optimiser's threshold. */
const GRADIENT_SLACK = 1.5;

export type Evidence = {
  charge: number;
  log: XtbLog;
  engrad: Engrad;
  /** Absent for GFN-FF. */
  json?: XtbJson | undefined;
  /** Of `xtbopt.xyz`'s comment; null for a single point. */
  optimized_energy_eh: number | null;
  /** Null for a single point. */
  connectivity_preserved: boolean | null;
  summed_dipole_au: Vector | null;
  printed_dipole_au: Vector | null;
};

/**
 * The named checks of a finished run. What makes a run no result at all (not converged, wrong method,
 * missing files) has thrown before; these say how far the numbers agree among themselves and how much a
 * chemist may lean on them.
 */
export function xtbChecks(evidence: Evidence): EngineCheck[] {
  const electronic = evidence.json === undefined ? [] : electronicChecks(evidence.json, evidence);
  return [...geometryChecks(evidence), energyAgrees(evidence), gradientAgrees(evidence), ...electronic];
}

function geometryChecks({ log, engrad, connectivity_preserved }: Evidence): EngineCheck[] {
  if (connectivity_preserved === null) return [];
  const cycles = log.converged_after === null ? "one atom" : `${log.converged_after} cycles`;
  const norm = gradientNorm(engrad.gradient_eh_per_bohr);
  const limit = (log.gradient_limit_eh_per_bohr ?? 0) * GRADIENT_SLACK;
  return [
    check("geometry_converged", 3, true, cycles),
    check(
      "gradient_small",
      1,
      norm <= limit,
      `${norm.toExponential(2)} Eh/a0, limit ${limit.toExponential(2)}`,
    ),
    check("connectivity_preserved", 2, connectivity_preserved),
  ];
}

/** Four files print the total energy: 8 decimals in the JSON, 12 elsewhere. */
function energyAgrees({ log, engrad, json, optimized_energy_eh }: Evidence): EngineCheck {
  const energy = log.energy_eh ?? Number.NaN;
  const same = (other: number | null | undefined, tolerance: number) =>
    other == null || Math.abs(other - energy) <= tolerance;
  const passed =
    same(engrad.energy_eh, 1e-9) && same(optimized_energy_eh, 1e-9) && same(json?.["total energy"], 1e-7);
  return check("energy_agrees", 2, passed && Number.isFinite(energy));
}

function gradientAgrees({ log, engrad }: Evidence): EngineCheck {
  const norm = gradientNorm(engrad.gradient_eh_per_bohr);
  const printed = log.gradient_norm_eh_per_bohr ?? Number.NaN;
  return check("gradient_agrees", 1, Math.abs(norm - printed) <= 1e-6, `${norm.toFixed(9)} Eh/a0`);
}

function electronicChecks(json: XtbJson, evidence: Evidence): EngineCheck[] {
  const charges = json["partial charges"].reduce((sum, value) => sum + value, 0);
  const occupations = json["fractional occupation"].reduce((sum, value) => sum + value, 0);
  const electrons = json["number of electrons"];
  return [
    check("scf_converged", 3, true),
    check("charge_sum", 1, Math.abs(charges - evidence.charge) <= 1e-5, `${charges.toFixed(8)} e`),
    check(
      "electrons",
      1,
      Math.abs(occupations - electrons) <= 1e-3,
      `${occupations.toFixed(4)} of ${electrons}`,
    ),
    ...dipoleCheck(evidence),
    check("virtual_orbital", 5, hasVirtualOrbital(json)),
    gapCheck(frontier(json)),
  ];
}

/** The log has 3 decimals for GFN2; both sums carry the rounding of charges at 8 decimals besides. */
function dipoleCheck({ summed_dipole_au, printed_dipole_au }: Evidence): EngineCheck[] {
  if (summed_dipole_au === null || printed_dipole_au === null) return [];
  return [check("dipole_agrees", 1, dipolesAgree(summed_dipole_au, printed_dipole_au, DIPOLE_ROUNDING_AU))];
}
export const DIPOLE_ROUNDING_AU = 6e-4;

function gapCheck({ gap_ev }: Frontier): EngineCheck {
  const passed = gap_ev === null || gap_ev >= SMALL_GAP_EV;
  return check("gap", 1, passed, gap_ev === null ? "no gap" : `${gap_ev.toFixed(3)} eV`);
}
