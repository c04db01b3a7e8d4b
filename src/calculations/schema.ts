import { type Static, Type } from "typebox";
import { ALPB_SOLVENTS, OPTIMIZATION_LEVELS, XTB_METHODS, XtbCalculation } from "../engines/xtb/schema.ts";
import { SUBMISSION_CHOICES, Uuid, VISIBILITIES } from "../jobs/schema.ts";
import { MoleculeRecord, RejectedRecord } from "../molecules/schema.ts";
import { PageInput } from "../paging.ts";
import { MOST_RECORDS, RequestedJob } from "../requests/schema.ts";

const optionalId = Type.Union([Uuid, Type.Null()]);
const optionalText = Type.Union([Type.String(), Type.Null()]);

export const CONVERGENCE = ["converged", "not_converged", "unknown"] as const;

/** A row of `calculations`, with the SMILES of its molecule. What the program decides keeps its own schema. */
export const Calculation = Type.Intersect([
  Type.Object({
    calculation_id: Uuid,
    molecule_id: optionalId,
    job_id: optionalId,
    /** The job whose calculation answers this one from the cache; null for its own. */
    cached_from_job_id: optionalId,
    protocol_id: Uuid,
    structure_id: optionalId,
    optimized_structure_id: optionalId,
    smiles: optionalText,
    solvation_model: optionalText,
    solvent: optionalText,
    charge: Type.Integer({ unit: "e" }),
    multiplicity: Type.Integer({ unit: "1", minimum: 1 }),
    unpaired_electrons: Type.Integer({ unit: "1", minimum: 0 }),
    convergence_status: Type.Enum(CONVERGENCE),
    xyz_file_hash: optionalText,
    output_uri: optionalText,
    trajectory_uri: optionalText,
    owner_id: Uuid,
    visibility: Type.Enum(VISIBILITIES),
    created_at: Type.String(),
  }),
  XtbCalculation,
]);
export type Calculation = Static<typeof Calculation>;

/** What a person may ask of xtb for molecules and structures. */
export const SubmitCalculations = Type.Object(
  {
    molecules: Type.Optional(Type.Array(MoleculeRecord, { maxItems: MOST_RECORDS })),
    structure_ids: Type.Optional(Type.Array(Uuid, { maxItems: MOST_RECORDS })),
    task: Type.Enum(["optimize", "single_point"] as const),
    method: Type.Optional(Type.Enum(XTB_METHODS)),
    solvent: Type.Optional(Type.Enum(ALPB_SOLVENTS)),
    charge: Type.Optional(Type.Integer({ unit: "e", minimum: -100, maximum: 100 })),
    multiplicity: Type.Optional(Type.Integer({ unit: "1", minimum: 1, maximum: 100 })),
    /** Allows a charge other than the drawn one, at the drawn geometry's species. */
    vertical: Type.Optional(Type.Boolean()),
    seed: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
    optimization_level: Type.Optional(Type.Enum(OPTIMIZATION_LEVELS)),
    max_optimization_cycles: Type.Optional(Type.Integer({ unit: "1", minimum: 1, maximum: 100_000 })),
    large: Type.Optional(Type.Boolean()),
    ...SUBMISSION_CHOICES,
  },
  { additionalProperties: false },
);
export type SubmitCalculations = Static<typeof SubmitCalculations>;

export const SubmittedCalculations = Type.Object({
  batch_id: Type.Null(),
  jobs: Type.Array(RequestedJob),
  rejected: Type.Array(RejectedRecord),
});
export type SubmittedCalculations = Static<typeof SubmittedCalculations>;

export const QueryCalculations = Type.Object(
  {
    molecule_id: Type.Optional(Uuid),
    protocol_id: Type.Optional(Uuid),
    min_gap_ev: Type.Optional(Type.Number({ unit: "eV" })),
    max_gap_ev: Type.Optional(Type.Number({ unit: "eV" })),
    min_energy_eh: Type.Optional(Type.Number({ unit: "Eh" })),
    max_energy_eh: Type.Optional(Type.Number({ unit: "Eh" })),
    /** Also those whose optimisation changed the bonds: they are of another species than their molecule. */
    changed: Type.Optional(Type.Boolean()),
    ...PageInput.properties,
  },
  { additionalProperties: false },
);
export type QueryCalculations = Static<typeof QueryCalculations>;
