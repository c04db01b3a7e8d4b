import { type Static, type TNumber, Type } from "typebox";
import type { Bond, Geometry } from "../../structures/geometry.ts";
import type { EngineCheck } from "../engine.ts";

export const XTB_TASKS = ["optimize", "single_point"] as const;
export const XTB_METHODS = ["gfn1", "gfn2", "gfnff"] as const;
/** What the program calls each method in its output. */
export const METHOD_NAMES = { gfn1: "GFN1-xTB", gfn2: "GFN2-xTB", gfnff: "GFN-FF" } as const;

/**
 * Solvents that xtb 6.5.1 has ALPB parameters for, each tried with all three methods. Its help also names
 * "hexandecane", which it then refuses; `h2o` and `n-hexane` are second names and left out, so that one
 * calculation has one signature.
 */
export const ALPB_SOLVENTS = [
  ...(["acetone", "acetonitrile", "aniline", "benzaldehyde", "benzene", "ch2cl2", "chcl3", "cs2"] as const),
  ...(["dioxane", "dmf", "dmso", "ethanol", "ether", "ethylacetate", "furane", "hexadecane"] as const),
  ...(["hexane", "methanol", "nitromethane", "octanol", "phenol", "thf", "toluene", "water"] as const),
  "woctanol",
] as const;

/** xtb's levels from coarse to fine. A word that is none of them it takes for "normal" without a sound. */
export const OPTIMIZATION_LEVELS = [
  ...(["crude", "sloppy", "loose", "lax", "normal", "tight", "verytight", "extreme"] as const),
] as const;

export const QUALITY_FLAGS = ["small_gap", "no_virtual_orbital", "connectivity_changed"] as const;

const nullable = (unit: string, description: string, minimum?: number) =>
  Type.Union([Type.Number({ unit, ...(minimum === undefined ? {} : { minimum }) }), Type.Null()], {
    description,
  });
const listOf = (item: TNumber, shape: string) => Type.Array(item, { shape });

export const XtbParams = Type.Object(
  {
    task: Type.Enum(XTB_TASKS),
    method: Type.Enum(XTB_METHODS),
    solvent: Type.Union([Type.Enum(ALPB_SOLVENTS), Type.Null()], {
      description: "ALPB implicit solvent; null is gas phase",
    }),
    optimization_level: Type.Enum(OPTIMIZATION_LEVELS),
    accuracy: Type.Number({
      unit: "1",
      minimum: 0.0001,
      maximum: 1000,
      description: "factor on the SCF thresholds; smaller is stricter",
    }),
    electronic_temperature_k: Type.Number({ unit: "K", minimum: 1, maximum: 100_000 }),
    max_optimization_cycles: Type.Union(
      [Type.Integer({ unit: "1", minimum: 1, maximum: 100_000 }), Type.Null()],
      {
        description: "null is xtb's own limit, which grows with the molecule",
      },
    ),
    max_scf_iterations: Type.Integer({ unit: "1", minimum: 1, maximum: 100_000 }),
    large: Type.Boolean({ description: "allow more than 200 atoms" }),
  },
  { additionalProperties: false },
);
export type XtbParams = Static<typeof XtbParams>;

const DEFAULTS: XtbParams = {
  task: "optimize",
  method: "gfn2",
  solvent: null,
  optimization_level: "normal",
  accuracy: 1,
  electronic_temperature_k: 300,
  max_optimization_cycles: null,
  max_scf_iterations: 250,
  large: false,
};

/** Parameters with what was left out filled in: xtb's own defaults, a GFN2 optimisation in the gas phase. */
export function xtbParams(partial: Partial<XtbParams> = {}): XtbParams {
  return { ...DEFAULTS, ...partial };
}

/** What is computed: positions in Å in the order that all results keep, charge in e, multiplicity 2S + 1. */
export type XtbInput = {
  geometry: Geometry;
  charge: number;
  multiplicity: number;
  /** Bonds of the species where they are known; else those of the start geometry are perceived. */
  bonds?: Bond[];
};

/** Columns of `calculations` that the program decides. GFN-FF has no electrons: null where they are needed. */
export const XtbCalculation = Type.Object({
  method: Type.String({ description: "GFN2-xTB, GFN1-xTB or GFN-FF, as the program states it." }),
  program: Type.Literal("xtb", { description: "The program." }),
  program_version: Type.String({ description: "Its version, as it states it." }),
  energy_eh: Type.Number({
    unit: "Eh",
    description: "Total energy as printed; comparable only within one species, charge and protocol.",
  }),
  solvation_energy_eh: nullable("Eh", "Free energy of solvation; null in the gas phase."),
  homo_ev: nullable("eV", "Energy of the highest occupied orbital; null of GFN-FF."),
  lumo_ev: nullable(
    "eV",
    "Energy of the lowest unoccupied orbital; null where all orbitals of the basis are occupied, and of GFN-FF.",
  ),
  gap_ev: nullable("eV", "HOMO-LUMO gap; null where one of them is."),
  orbital_energies_ev: Type.Union([listOf(Type.Number({ unit: "eV" }), "(n_orbitals)"), Type.Null()], {
    description: "Energies of the orbitals, ascending; null of GFN-FF.",
  }),
  orbital_occupations: Type.Union([listOf(Type.Number({ unit: "1" }), "(n_orbitals)"), Type.Null()], {
    description: "Their occupations, 0 to 2, in the same order; null of GFN-FF.",
  }),
  dipole_x_debye: nullable("D", "Dipole moment along x; of ions about the centre of mass; null of GFN-FF."),
  dipole_y_debye: nullable("D", "Dipole moment along y; of ions about the centre of mass; null of GFN-FF."),
  dipole_z_debye: nullable("D", "Dipole moment along z; of ions about the centre of mass; null of GFN-FF."),
  dipole_debye: nullable(
    "D",
    "Norm of the dipole moment; of ions about the centre of mass; null of GFN-FF.",
    0,
  ),
  partial_charge_sum: nullable("e", "Sum of the partial charges; null of GFN-FF."),
  scf_converged: Type.Union([Type.Boolean(), Type.Null()], {
    description: "Whether the wave function converged; null where nothing says so.",
  }),
  geometry_converged: Type.Union([Type.Boolean(), Type.Null()], {
    description: "Whether the optimisation converged; null for a single point.",
  }),
  optimization_cycles: Type.Union([Type.Integer({ unit: "1", minimum: 0 }), Type.Null()], {
    description: "Steps of the optimisation; null for a single point.",
  }),
  gradient_norm_eh_per_bohr: Type.Number({
    unit: "Eh/a0",
    minimum: 0,
    description: "Norm of the gradient at the last geometry.",
  }),
  connectivity_preserved: Type.Union([Type.Boolean(), Type.Null()], {
    description: "False: bonds differ from those it started with. Null for a single point.",
  }),
  quality_flags: Type.Array(Type.Enum(QUALITY_FLAGS), {
    description: "What makes the result doubtful; often empty.",
  }),
  electronic_temperature_k: nullable("K", "Of the Fermi smearing; null of GFN-FF.", 0),
  wall_seconds: Type.Number({ unit: "s", minimum: 0, description: "Time that the program ran." }),
  cpu_seconds: nullable("s", "CPU time of the program; null where it is not known.", 0),
});
export type XtbCalculation = Static<typeof XtbCalculation>;

/** Columns of `atomic_properties`, in the order of the input. Charges are Mulliken's; force = −gradient. */
export const XtbAtom = Type.Object({
  element: Type.String(),
  atomic_number: Type.Integer({ unit: "1", minimum: 1, maximum: 86 }),
  partial_charge: nullable("e", "Mulliken's; null of GFN-FF."),
  charge_model: Type.Union([Type.Literal("mulliken"), Type.Null()]),
  x_angstrom: Type.Number({ unit: "Å" }),
  y_angstrom: Type.Number({ unit: "Å" }),
  z_angstrom: Type.Number({ unit: "Å" }),
  gradient_x_eh_per_bohr: Type.Number({ unit: "Eh/a0" }),
  gradient_y_eh_per_bohr: Type.Number({ unit: "Eh/a0" }),
  gradient_z_eh_per_bohr: Type.Number({ unit: "Eh/a0" }),
});
export type XtbAtom = Static<typeof XtbAtom>;

/** Bytes worth keeping. The first two exist after an optimisation only. */
export type XtbFiles = { "xtbopt.xyz"?: Uint8Array; trajectory?: Uint8Array; log: string };

export type XtbResult = XtbCalculation & {
  atoms: XtbAtom[];
  /** The geometry that all values belong to: optimised, or the input's for a single point. */
  final_geometry: Geometry;
  files: XtbFiles;
  checks: EngineCheck[];
};
