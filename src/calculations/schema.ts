import { type Static, Type } from "typebox";
import { ALPB_SOLVENTS, OPTIMIZATION_LEVELS, XTB_METHODS, XtbCalculation } from "../engines/xtb/schema.ts";
import {
  CREATED_AT,
  closed,
  count,
  flag,
  id,
  integer,
  list,
  MOST_IDS_IN_URL,
  nullable,
  number,
  OWNER,
  text,
  word,
} from "../fields.ts";
import { JobId, SUBMISSION_CHOICES, Visibility } from "../jobs/schema.ts";
import { ASPIRIN, Rejected } from "../molecules/schema.ts";
import { PageInput } from "../paging.ts";
import {
  GivenMolecules,
  GivenStructureIds,
  givenMoleculeIds,
  MOST_RECORDS,
  NoBatch,
  RequestedJobs,
} from "../requests/schema.ts";

export const CONVERGENCE = ["converged", "not_converged", "unknown"] as const;

/** A row of `calculations`, with the SMILES of its molecule. */
export const Calculation = Type.Object({
  calculation_id: id("The calculation."),
  molecule_id: nullable(id(), "Molecule that it is of; null where only a geometry was given."),
  job_id: nullable(id(), "Job whose result it is; null where it was brought from elsewhere."),
  cached_from_job_id: nullable(
    id(),
    "In a list by job: the job whose calculation answers this one from the cache; null for its own.",
  ),
  protocol_id: id("Protocol that it stands under: numbers are comparable only within one."),
  structure_id: nullable(id(), "Geometry that it started from; null where that is not kept."),
  optimized_structure_id: nullable(id(), "Geometry that it ended with; null for a single point."),
  smiles: nullable(
    text(),
    "Canonical SMILES of the molecule; null where it has none, or is not yours to see.",
  ),
  solvation_model: nullable(text(), "`alpb`; null in the gas phase."),
  solvent: nullable(text(), "Its name; null in the gas phase."),
  charge: integer("e", "Net charge."),
  multiplicity: integer("1", "Spin multiplicity 2S + 1.", { minimum: 1 }),
  unpaired_electrons: count("Unpaired electrons: multiplicity − 1."),
  convergence_status: word(CONVERGENCE, "Whether what it iterates came to its end."),
  xyz_file_hash: nullable(text(), "SHA-256 of the geometry file that the program read."),
  output_uri: nullable(text(), "Where the program's output is; null where it is not kept."),
  trajectory_uri: nullable(text(), "Where all geometries of the optimisation are; null for a single point."),
  owner_id: OWNER,
  visibility: Visibility,
  created_at: CREATED_AT,
  ...XtbCalculation.properties,
  // Of what was brought from elsewhere not all is known.
  energy_eh: nullable(
    Type.Number({ unit: "Eh" }),
    "Total energy as printed; comparable only within one species, charge and protocol. Null where it was not stated.",
  ),
  gradient_norm_eh_per_bohr: nullable(
    Type.Number({ unit: "Eh/a0", minimum: 0 }),
    "Norm of the gradient at the last geometry; null where it was not stated.",
  ),
  wall_seconds: nullable(
    Type.Number({ unit: "s", minimum: 0 }),
    "Time that the program ran; null where it is not known.",
  ),
});
export type Calculation = Static<typeof Calculation>;

/** What a person may ask of xtb for molecules and structures. */
export const SubmitCalculations = closed(
  {
    molecules: Type.Optional(GivenMolecules),
    molecule_ids: Type.Optional(givenMoleculeIds(MOST_RECORDS)),
    structure_ids: Type.Optional(GivenStructureIds),
    task: word(["optimize", "single_point"], "`optimize` the geometry, or compute it as it is."),
    method: Type.Optional(
      word(XTB_METHODS, "The Hamiltonian, or the force field GFN-FF; `gfn2` where left out."),
    ),
    solvent: Type.Optional(word(ALPB_SOLVENTS, "ALPB implicit solvent; gas phase where left out.")),
    charge: Type.Optional(
      integer("e", "Net charge; that of the drawing or structure where left out.", {
        minimum: -100,
        maximum: 100,
      }),
    ),
    multiplicity: Type.Optional(
      integer("1", "2S + 1; that of the drawing or structure where left out.", { minimum: 1, maximum: 100 }),
    ),
    vertical: Type.Optional(flag("Allow a charge other than the drawn one, at the drawn species' geometry.")),
    seed: Type.Optional(
      integer("1", "Of the generator of 3D coordinates; 42 where left out.", {
        minimum: 1,
        maximum: 2_147_483_647,
      }),
    ),
    optimization_level: Type.Optional(
      word(OPTIMIZATION_LEVELS, "How far it is optimised, coarse to fine; `normal` where left out."),
    ),
    max_optimization_cycles: Type.Optional(
      integer("1", "Steps at most; xtb's own limit where left out.", { minimum: 1, maximum: 100_000 }),
    ),
    large: Type.Optional(flag("Allow more than 200 atoms.")),
    ...SUBMISSION_CHOICES,
  },
  { examples: [{ task: "optimize", solvent: "water", molecules: [ASPIRIN] }] },
);
export type SubmitCalculations = Static<typeof SubmitCalculations>;

export const SubmittedCalculations = Type.Object({
  batch_id: NoBatch,
  jobs: RequestedJobs,
  rejected: Rejected,
});
export type SubmittedCalculations = Static<typeof SubmittedCalculations>;

/** Wider than any real value, and finite. */
const GAP = { minimum: -1000, maximum: 1000 };
const ENERGY = { minimum: -1_000_000_000, maximum: 1_000_000_000 };

export const QueryCalculations = closed({
  job_ids: Type.Optional(
    list(
      JobId,
      "Calculations of these jobs, in the order of the jobs and all on one page, also those with which the cache answered; nothing else is asked with them. Longer lists in parts, or with calculation.of_jobs.",
      { minItems: 1, maxItems: MOST_IDS_IN_URL },
    ),
  ),
  molecule_id: Type.Optional(id("Only calculations of this molecule.")),
  protocol_id: Type.Optional(
    id("Only calculations under this protocol; needed with a range where there are several."),
  ),
  min_gap_ev: Type.Optional(number("eV", "HOMO-LUMO gap of this or more.", GAP)),
  max_gap_ev: Type.Optional(number("eV", "HOMO-LUMO gap of this or less.", GAP)),
  min_energy_eh: Type.Optional(
    number(
      "Eh",
      "Total energy of this or more; with `molecule_id`, as it is comparable within one species only.",
      ENERGY,
    ),
  ),
  max_energy_eh: Type.Optional(
    number(
      "Eh",
      "Total energy of this or less; with `molecule_id`, as it is comparable within one species only.",
      ENERGY,
    ),
  ),
  changed: Type.Optional(
    flag(
      "True: also those whose optimisation changed the bonds; they are of another species than their molecule. Left out otherwise.",
    ),
  ),
  ...PageInput.properties,
});
export type QueryCalculations = Static<typeof QueryCalculations>;
