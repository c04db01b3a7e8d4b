import { AppError } from "../../errors.ts";
import { checkPose, poseGeometry, poseSdf } from "../../ligands/poses.ts";
import type { Geometry } from "../../structures/geometry.ts";
import { type SymmetricRmsd, symmetricRmsd } from "../../structures/rmsd.ts";
import type { VinaModel } from "./output.ts";
import type { VinaInput, VinaPose } from "./schema.ts";
import { correctedAffinity } from "./scores.ts";

/**
 * A mode that is worth keeping: its row, and all atoms of the ligand in its place, in Å. `rmsd_capped`: the
 * search for an RMSD of the row gave up, so that it is null.
 */
export type KeptPose = { pose: VinaPose; geometry: Geometry; rmsd_capped: boolean };

type Rmsd = typeof symmetricRmsd;

/**
 * The modes below 0 kcal/mol as poses, numbered from 1 in the order of the file. The corrected affinity
 * decides, as the printed one is shifted for all modes of a run by the error of its unbound term. Throws
 * AppError `crashed` where a pose is not the ligand with other torsions. `rmsd` is given by tests.
 */
export function favourablePoses(
  input: VinaInput,
  models: VinaModel[],
  rmsd: Rmsd = symmetricRmsd,
): KeptPose[] {
  const [best] = models;
  if (best === undefined) return [];
  const { torsions } = input.ligand;
  return models
    .filter((model) => correctedAffinity(model, best, torsions) < 0)
    .map((model, index) => {
      const geometry = wholePose(input, model, index + 1);
      const affinity_kcal_mol = correctedAffinity(model, best, torsions);
      const { capped, ...columns } = distances(input, geometry, rmsd);
      return {
        geometry,
        pose: { ...row(model, index + 1, affinity_kcal_mol), ...columns },
        rmsd_capped: capped,
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
type Measured = Distances & { capped: boolean };

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
function distances({ ligand, reference }: VinaInput, geometry: Geometry, rmsd: Rmsd): Measured {
  if (reference === null)
    return { rmsd_reference_angstrom: null, rmsd_symmetry_mate_angstrom: null, capped: false };
  const pose = { geometry, bonds: ligand.ligand.bonds };
  const own = rmsd(reference, pose);
  const image = reference.mate === null ? null : rmsd(reference, pose, reference.mate);
  return {
    rmsd_reference_angstrom: exact(own),
    rmsd_symmetry_mate_angstrom: exact(image),
    capped: own?.capped === true || image?.capped === true,
  };
}

/** What a search that gave up found may be too large, and a column holds what is: null then. */
function exact(found: SymmetricRmsd | null): number | null {
  return found === null || found.capped ? null : found.rmsd_angstrom;
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
