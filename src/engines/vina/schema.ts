import { type Static, Type } from "typebox";
import type { PreparedLigand } from "../../ligands/ligand.ts";
import type { Box } from "../../structures/box.ts";
import type { Bond, Geometry, Position } from "../../structures/geometry.ts";
import type { EngineCheck } from "../engine.ts";

export const VINA_OUTCOMES = ["poses", "no_favourable_pose"] as const;

export const VinaParams = Type.Object(
  {
    exhaustiveness: Type.Integer({
      unit: "1",
      minimum: 1,
      maximum: 1024,
      description: "searches per ligand",
    }),
    num_modes: Type.Integer({ unit: "1", minimum: 1, maximum: 100, description: "poses at most" }),
    energy_range_kcal_mol: Type.Number({
      unit: "kcal/mol",
      exclusiveMinimum: 0,
      maximum: 100,
      description: "poses worse than the best by more are left out",
    }),
    seed: Type.Integer({
      minimum: 1,
      maximum: 2_147_483_647,
      description: "0 means random to Vina: never used",
    }),
  },
  { additionalProperties: false },
);
export type VinaParams = Static<typeof VinaParams>;

const DEFAULTS: VinaParams = { exhaustiveness: 8, num_modes: 9, energy_range_kcal_mol: 3, seed: 42 };

/** Parameters with what was left out filled in: Vina's own defaults, and a seed that is never random. */
export function vinaParams(partial: Partial<VinaParams> = {}): VinaParams {
  return { ...DEFAULTS, ...partial };
}

/**
 * A ligand whose place is known: heavy atoms and their bonds, positions in Å in the receptor's frame.
 * `mate` are the same atoms through the receptor's two-fold axis, where it is a homodimer.
 */
export type ReferencePose = { geometry: Geometry; bonds: Bond[]; mate: Position[] | null };

/** What is docked: a prepared receptor, a prepared ligand, where to look, and what to compare with. */
export type VinaInput = {
  receptor_pdbqt: string;
  ligand: PreparedLigand;
  box: Box;
  reference: ReferencePose | null;
};

/** Columns of `docking_results` that the program decides. */
export const VinaPose = Type.Object({
  pose_rank: Type.Integer({
    unit: "1",
    minimum: 1,
    description: "Rank within its run by the printed affinity, 1 the best.",
  }),
  affinity_kcal_mol: Type.Number({
    unit: "kcal/mol",
    description:
      "Vina score, lower is better: (INTER + INTRA − INTRA of pose 1) / (1 + 0.05846 N_rot). The one to rank by.",
  }),
  affinity_reported_kcal_mol: Type.Number({
    unit: "kcal/mol",
    description: "Vina score as the program printed it; 1.2.0 to 1.2.3 subtract a wrong unbound term.",
  }),
  inter_kcal_mol: Type.Number({
    unit: "kcal/mol",
    description: "Between ligand and receptor, before the torsional factor.",
  }),
  intra_kcal_mol: Type.Number({ unit: "kcal/mol", description: "Within the ligand." }),
  unbound_kcal_mol: Type.Number({
    unit: "kcal/mol",
    description: "What the program subtracted for the unbound ligand.",
  }),
  rmsd_lb_angstrom: Type.Number({
    unit: "Å",
    minimum: 0,
    description: "RMSD to pose 1 of the run, lower bound.",
  }),
  rmsd_ub_angstrom: Type.Number({
    unit: "Å",
    minimum: 0,
    description: "RMSD to pose 1 of the run, upper bound.",
  }),
  rmsd_reference_angstrom: Type.Union([Type.Number({ unit: "Å", minimum: 0 }), Type.Null()], {
    description:
      "RMSD to the site's reference ligand: heavy atoms, in place, least over its symmetries; null where there is none, or it is another molecule.",
  }),
  rmsd_symmetry_mate_angstrom: Type.Union([Type.Number({ unit: "Å", minimum: 0 }), Type.Null()], {
    description:
      "The same to the reference's image in the receptor's two-fold axis; null where there is no such axis.",
  }),
});
export type VinaPose = Static<typeof VinaPose>;

export type VinaFiles = { "out.pdbqt": string; "poses.sdf": string | null; log: string };

export type VinaResult = {
  outcome: (typeof VINA_OUTCOMES)[number];
  /** Best first; none where the outcome is no_favourable_pose. */
  poses: VinaPose[];
  /** All atoms of each pose, in the ligand's atom order, shape (n_poses). */
  geometries: Geometry[];
  /** Poses of 0 kcal/mol or worse, left out and counted. */
  unfavourable_poses: number;
  heavy_atoms: number;
  torsions: number;
  program: "vina";
  program_version: string;
  wall_seconds: number;
  cpu_seconds: number | null;
  checks: EngineCheck[];
  files: VinaFiles;
};
