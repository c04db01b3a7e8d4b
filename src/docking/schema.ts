import { type Static, Type } from "typebox";
import { VinaParams, VinaPose } from "../engines/vina/schema.ts";
import { SUBMISSION_CHOICES, Uuid } from "../jobs/schema.ts";
import { MoleculeRecord, RejectedRecord } from "../molecules/schema.ts";
import { MOST_RECORDS, RequestedJob } from "../requests/schema.ts";

/** What is done with a ligand whose stereo is not fully drawn. */
export const STEREO_MODES = ["enumerate", "arbitrary", "refuse"] as const;
export type StereoMode = (typeof STEREO_MODES)[number];

const vina = VinaParams.properties;

/** What a person may ask of Vina for molecules at a site. */
export const SubmitDocking = Type.Object(
  {
    /** Id, name (its newest version) or name@version. */
    site: Type.String({ minLength: 1, maxLength: 220 }),
    molecules: Type.Array(MoleculeRecord, { minItems: 1, maxItems: MOST_RECORDS }),
    exhaustiveness: Type.Optional(vina.exhaustiveness),
    num_modes: Type.Optional(vina.num_modes),
    energy_range_kcal_mol: Type.Optional(vina.energy_range_kcal_mol),
    seed: Type.Optional(vina.seed),
    stereo: Type.Optional(Type.Enum(STEREO_MODES)),
    ...SUBMISSION_CHOICES,
  },
  { additionalProperties: false },
);
export type SubmitDocking = Static<typeof SubmitDocking>;

export const SubmittedDocking = Type.Object({
  batch_id: Type.Null(),
  site_id: Uuid,
  jobs: Type.Array(RequestedJob),
  rejected: Type.Array(RejectedRecord),
});
export type SubmittedDocking = Static<typeof SubmittedDocking>;

/** A row of `docking_results` with what its molecule is. */
export const DockingResult = Type.Intersect([
  Type.Object({
    result_id: Uuid,
    job_id: Uuid,
    /** In a list by job: the job whose poses answer this one from the cache; null for its own. */
    cached_from_job_id: Type.Optional(Type.Union([Uuid, Type.Null()])),
    task_name: Type.String(),
    protocol_id: Uuid,
    site_id: Uuid,
    molecule_id: Uuid,
    smiles: Type.Union([Type.String(), Type.Null()]),
    /** What its owner calls the molecule, where you may see that. */
    name: Type.Union([Type.String(), Type.Null()]),
    compound_key: Type.Union([Type.String(), Type.Null()]),
    seed: Type.Integer(),
    affinity_source: Type.Enum(["terms", "reported"] as const),
    torsions: Type.Integer({ unit: "1" }),
    heavy_atoms: Type.Integer({ unit: "1" }),
    ligand_efficiency: Type.Number({ unit: "kcal/mol", description: "−affinity / heavy atoms" }),
    pose_structure_id: Uuid,
    checks: Type.Unknown(),
    program: Type.String(),
    program_version: Type.String(),
    created_at: Type.String(),
  }),
  VinaPose,
]);
export type DockingResult = Static<typeof DockingResult>;

/**
 * Of which each the best is shown: every pose, each molecule, each compound (its salts, states and tautomers; an
 * isomer is another one), or each skeleton (all that differ in stereo only, too).
 */
export const BEST_PER = ["pose", "molecule", "compound", "skeleton"] as const;
export type BestPer = (typeof BEST_PER)[number];

export const QueryDocking = Type.Object(
  {
    site: Type.Optional(Type.String({ minLength: 1, maxLength: 220 })),
    job_ids: Type.Optional(Type.Array(Uuid, { minItems: 1, maxItems: 1000 })),
    protocol_id: Type.Optional(Uuid),
    molecule_id: Type.Optional(Uuid),
    per: Type.Optional(Type.Enum(BEST_PER)),
    max_affinity_kcal_mol: Type.Optional(Type.Number({ unit: "kcal/mol", minimum: -50, maximum: 50 })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
    cursor: Type.Optional(Type.String({ maxLength: 500 })),
  },
  { additionalProperties: false },
);
export type QueryDocking = Static<typeof QueryDocking>;
