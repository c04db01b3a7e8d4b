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
  pose_rank: Type.Integer({ minimum: 1, description: "by the printed affinity, best first" }),
  affinity_kcal_mol: Type.Number({
    unit: "kcal/mol",
    description: "(INTER + INTRA − INTRA of pose 1) / (1 + 0.05846 N_rot)",
  }),
  affinity_reported_kcal_mol: Type.Number({ unit: "kcal/mol", description: "as printed" }),
  inter_kcal_mol: Type.Number({ unit: "kcal/mol" }),
  intra_kcal_mol: Type.Number({ unit: "kcal/mol" }),
  unbound_kcal_mol: Type.Number({ unit: "kcal/mol" }),
  rmsd_lb_angstrom: Type.Number({ unit: "Å", minimum: 0, description: "to pose 1 of the run" }),
  rmsd_ub_angstrom: Type.Number({ unit: "Å", minimum: 0, description: "to pose 1 of the run" }),
  rmsd_reference_angstrom: Type.Union([Type.Number({ unit: "Å", minimum: 0 }), Type.Null()]),
  rmsd_symmetry_mate_angstrom: Type.Union([Type.Number({ unit: "Å", minimum: 0 }), Type.Null()]),
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
