import type { RunOutcome } from "../../executors/executor.ts";
import { bondText, perceiveBonds } from "../../structures/bonds.ts";
import type { Geometry } from "../../structures/geometry.ts";
import { DIPOLE_ROUNDING_AU, type Evidence, SMALL_GAP_EV } from "./checks.ts";
import { dipoleDebye, dipolesAgree, summedDipole, type Vector } from "./dipole.ts";
import { type Engrad, gradientNorm } from "./gradient.ts";
import { plainVersion, type XtbJson } from "./json.ts";
import type { XtbLog } from "./log.ts";
import { frontier, hasVirtualOrbital } from "./orbitals.ts";
import {
  METHOD_NAMES,
  type XtbAtom,
  type XtbCalculation,
  type XtbFiles,
  type XtbInput,
  type XtbParams,
} from "./schema.ts";

/** A believed run's files, read. */
export type XtbReading = {
  log: XtbLog;
  engrad: Engrad;
  /** Absent for GFN-FF. */
  json: XtbJson | undefined;
  files: XtbFiles;
  final_geometry: Geometry;
};

/** What the checks look at, and the columns are made of. */
export function gatherEvidence(params: XtbParams, input: XtbInput, read: XtbReading): Evidence {
  const { log, engrad, json, files, final_geometry } = read;
  const comment = new TextDecoder().decode(files["xtbopt.xyz"]).split("\n")[1] ?? "";
  const energy = /energy: +(\S+)/.exec(comment)?.[1];
  return {
    charge: input.charge,
    log,
    engrad,
    json,
    optimized_energy_eh: energy === undefined ? null : Number(energy),
    connectivity_preserved: params.task === "optimize" ? keepsBonds(input, final_geometry) : null,
    summed_dipole_au: json === undefined ? null : summedDipole(json, final_geometry),
    printed_dipole_au: params.task === "optimize" ? log.dipole_au : jsonDipole(json),
  };
}

/** Bonds compared as pairs only: distances tell no bond order. */
function keepsBonds(input: XtbInput, end: Geometry): boolean {
  return bondText(input.bonds ?? perceiveBonds(input.geometry)) === bondText(perceiveBonds(end));
}

function jsonDipole(json: XtbJson | undefined): Vector | null {
  const [x, y, z] = json?.dipole ?? [];
  return x === undefined || y === undefined || z === undefined ? null : [x, y, z];
}

/**
 * The log's last block decides after an optimisation, as the JSON's dipole is then the first geometry's.
 * Where the sum over charges and atomic dipoles rounds to that block, it is the same with 8 decimals
 * instead of 3, and is taken.
 */
function bestDipole({ summed_dipole_au, printed_dipole_au }: Evidence): Vector | null {
  if (summed_dipole_au === null || printed_dipole_au === null) return printed_dipole_au;
  return dipolesAgree(summed_dipole_au, printed_dipole_au, DIPOLE_ROUNDING_AU)
    ? summed_dipole_au
    : printed_dipole_au;
}

/** The columns of `calculations` that the program decides. */
export function calculationColumns(
  params: XtbParams,
  energy_eh: number,
  evidence: Evidence,
  geometry: Geometry,
  run: RunOutcome,
): XtbCalculation {
  const { log, json, engrad, connectivity_preserved, charge } = evidence;
  const optimizing = params.task === "optimize";
  const levels = json === undefined ? { homo_ev: null, lumo_ev: null, gap_ev: null } : frontier(json);
  const dipole_au = bestDipole(evidence);
  const dipole = dipole_au === null ? null : unsigned(dipoleDebye(dipole_au, charge, geometry));
  return {
    method: METHOD_NAMES[params.method],
    program: "xtb",
    program_version: plainVersion(json?.["xtb version"] ?? log.version ?? "unknown"),
    energy_eh,
    solvation_energy_eh: params.solvent === null ? null : log.solvation_energy_eh,
    ...levels,
    orbital_energies_ev: json?.["orbital energies/eV"] ?? null,
    orbital_occupations: json?.["fractional occupation"] ?? null,
    dipole_x_debye: dipole?.[0] ?? null,
    dipole_y_debye: dipole?.[1] ?? null,
    dipole_z_debye: dipole?.[2] ?? null,
    dipole_debye: dipole === null ? null : Math.hypot(...dipole),
    partial_charge_sum: json?.["partial charges"].reduce((sum, value) => sum + value, 0) ?? null,
    scf_converged: json === undefined ? null : true,
    geometry_converged: optimizing ? true : null,
    optimization_cycles: optimizing ? (log.converged_after ?? 0) : null,
    gradient_norm_eh_per_bohr: gradientNorm(engrad.gradient_eh_per_bohr),
    connectivity_preserved,
    quality_flags: flags(json, levels.gap_ev, connectivity_preserved),
    electronic_temperature_k: log.electronic_temperature_k,
    wall_seconds: run.wall_seconds,
    // xtb's own figure covers the last moments that the executor's samples miss.
    cpu_seconds: log.cpu_seconds ?? run.cpu_seconds,
  };
}

function flags(json: XtbJson | undefined, gap_ev: number | null, preserved: boolean | null) {
  const found: XtbCalculation["quality_flags"] = [];
  if (gap_ev !== null && gap_ev < SMALL_GAP_EV) found.push("small_gap");
  if (json !== undefined && !hasVirtualOrbital(json)) found.push("no_virtual_orbital");
  if (preserved === false) found.push("connectivity_changed");
  return found;
}

/** The rows of `atomic_properties`, in the order of the input. */
export function atomRows(geometry: Geometry, engrad: Engrad, json: XtbJson | undefined): XtbAtom[] {
  return geometry.elements.map((element, index) => {
    const [x_angstrom, y_angstrom, z_angstrom] = unsigned(geometry.positions_angstrom[index]);
    const [gradient_x, gradient_y, gradient_z] = unsigned(engrad.gradient_eh_per_bohr[index]);
    return {
      element,
      atomic_number: engrad.atomic_numbers[index] ?? Number.NaN,
      partial_charge: json?.["partial charges"][index] ?? null,
      charge_model: json === undefined ? null : "mulliken",
      ...{ x_angstrom, y_angstrom, z_angstrom },
      gradient_x_eh_per_bohr: gradient_x,
      gradient_y_eh_per_bohr: gradient_y,
      gradient_z_eh_per_bohr: gradient_z,
    };
  });
}

/** Negative zero, which xtb prints for half of all zeros, as zero. NaN where there is no such atom. */
function unsigned(vector: readonly [number, number, number] | undefined): Vector {
  const [x, y, z] = vector ?? [Number.NaN, Number.NaN, Number.NaN];
  return [x + 0, y + 0, z + 0];
}
