import { AppError } from "../../errors.ts";
import { checkPose, poseGeometry, poseSdf } from "../../ligands/poses.ts";
import type { Geometry } from "../../structures/geometry.ts";
import { symmetricRmsd } from "../../structures/rmsd.ts";
import type { VinaModel } from "./output.ts";
import type { VinaInput, VinaPose } from "./schema.ts";
import { correctedAffinity } from "./scores.ts";

/** A mode that is worth keeping: its row, and all atoms of the ligand in its place, in Å. */
export type KeptPose = { pose: VinaPose; geometry: Geometry };

/**
 * The modes below 0 kcal/mol as poses, numbered from 1 in the order of the file. The corrected affinity
 * decides, as the printed one is shifted for all modes of a run by the error of its unbound term. Throws
 * AppError `crashed` where a pose is not the ligand with other torsions.
 */
export function favourablePoses(input: VinaInput, models: VinaModel[]): KeptPose[] {
  const [best] = models;
  if (best === undefined) return [];
  const { torsions } = input.ligand;
  return models
    .filter((model) => correctedAffinity(model, best, torsions) < 0)
    .map((model, index) => {
      const geometry = wholePose(input, model, index + 1);
      const affinity_kcal_mol = correctedAffinity(model, best, torsions);
      return {
        geometry,
        pose: { ...row(model, index + 1, affinity_kcal_mol), ...distances(input, geometry) },
      };
    });
}

/** Vina turns bonds and bends nothing: what is torn was torn by something else. */
function wholePose({ ligand }: VinaInput, model: VinaModel, rank: number): Geometry {
  const geometry = poseGeometry(ligand, model.positions_angstrom);
  const problems = checkPose(ligand, geometry);
  if (problems.length === 0) return geometry;
  const what = `pose ${rank} is not the ligand that was docked: ${problems[0]}`;
  throw new AppError("crashed", `Vina's out.pdbqt can't be believed: ${what}`, {
    detail: problems.join("\n"),
  });
}

type Distances = Pick<VinaPose, "rmsd_reference_angstrom" | "rmsd_symmetry_mate_angstrom">;

function row(
  model: VinaModel,
  pose_rank: number,
  affinity_kcal_mol: number,
): Omit<VinaPose, keyof Distances> {
  return {
    pose_rank,
    affinity_kcal_mol,
    affinity_reported_kcal_mol: model.affinity_kcal_mol,
    inter_kcal_mol: model.inter_kcal_mol,
    intra_kcal_mol: model.intra_kcal_mol,
    unbound_kcal_mol: model.unbound_kcal_mol,
    rmsd_lb_angstrom: model.rmsd_lb_angstrom,
    rmsd_ub_angstrom: model.rmsd_ub_angstrom,
  };
}

/** To the reference and to its image, in place, heavy atoms; null where the reference is another molecule. */
function distances({ ligand, reference }: VinaInput, geometry: Geometry): Distances {
  if (reference === null) return { rmsd_reference_angstrom: null, rmsd_symmetry_mate_angstrom: null };
  const pose = { geometry, bonds: ligand.ligand.bonds };
  const image = reference.mate === null ? null : symmetricRmsd(reference, pose, reference.mate);
  return {
    rmsd_reference_angstrom: symmetricRmsd(reference, pose)?.rmsd_angstrom ?? null,
    rmsd_symmetry_mate_angstrom: image?.rmsd_angstrom ?? null,
  };
}

/** The poses as an SD file: every atom and bond, and the row of each pose as data items. Null where there is none. */
export function posesSdf(input: VinaInput, kept: KeptPose[], program: string): string | null {
  if (kept.length === 0) return null;
  return kept.map(({ pose, geometry }) => poseSdf(input.ligand, geometry, dataItems(pose, program))).join("");
}

/** The columns by name, as text; the score is said to be a score. */
function dataItems(pose: VinaPose, program: string): Record<string, string> {
  const columns = Object.entries(pose).flatMap(([name, value]) =>
    value === null ? [] : [[name, name === "pose_rank" ? String(value) : value.toFixed(3)] as const],
  );
  return { ...Object.fromEntries(columns), affinity_is: "Vina score", program };
}
