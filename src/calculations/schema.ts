import { type Static, Type } from "typebox";
import { XtbCalculation } from "../engines/xtb/schema.ts";
import { Uuid, VISIBILITIES } from "../jobs/schema.ts";

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
