import { isInside } from "../../structures/box.ts";
import { isHeavyType, pdbqtAtoms } from "../../structures/pdbqt.ts";
import { check } from "../confidence.ts";
import type { EngineCheck } from "../engine.ts";
import type { VinaModel } from "./output.ts";
import { GRID_SPACING_ANGSTROM, writtenBox } from "./plan.ts";
import type { KeptPose } from "./poses.ts";
import type { VinaInput } from "./schema.ts";

/** Above this Vina itself warns that its search is too short for the space. */
const LARGE_VOLUME_ANGSTROM3 = 27_000;
/** Where the printed score is off by more, its unbound term was far from any sensible conformation. */
const UNBOUND_NOISE_KCAL_MOL = 1;

export type Evidence = {
  input: VinaInput;
  models: VinaModel[];
  kept: KeptPose[];
  /** Between a printed score and its terms, in kcal/mol. */
  largest_difference_kcal_mol: number;
};

/**
 * The named checks of a finished run. What makes a run no result at all (numbers that disagree, other atoms,
 * torn poses, a receptor that was not felt) has thrown before; these say how far a chemist may lean on it.
 */
export function vinaChecks(evidence: Evidence): EngineCheck[] {
  return [...runChecks(evidence), ...searchChecks(evidence.input), ...poseChecks(evidence)];
}

function runChecks({ models, largest_difference_kcal_mol: difference }: Evidence): EngineCheck[] {
  return [
    check("program_finished", 3, true, `${models.length} modes`),
    check("numbers_agree", 2, true, `to ${difference.toFixed(4)} kcal/mol`),
    check("atom_order_kept", 2, true),
    check("rigid_fragments_kept", 2, true),
  ];
}

function searchChecks({ box, ligand }: VinaInput): EngineCheck[] {
  const volume = box.size_angstrom.reduce((product, side) => product * side, 1);
  const rings = ligand.rigid_macrocycles;
  return [
    check("search_space", 1, volume <= LARGE_VOLUME_ANGSTROM3, `${Math.round(volume)} Å³`),
    check("no_rigid_macrocycle", 1, rings === 0, rings === 0 ? undefined : `${rings} kept in one shape`),
  ];
}

function poseChecks({ input, models, kept }: Evidence): EngineCheck[] {
  const [[best], [first]] = [kept, models];
  if (best === undefined || first === undefined) return [];
  const { affinity_kcal_mol, affinity_reported_kcal_mol } = best.pose;
  const shift = affinity_reported_kcal_mol - affinity_kcal_mol;
  const off = `printed ${shift < 0 ? "" : "+"}${shift.toFixed(3)} kcal/mol`;
  return [
    check("best_pose_in_box", 2, bestInBox(input, first)),
    check("unbound_term", 1, Math.abs(shift) <= UNBOUND_NOISE_KCAL_MOL, off),
    ...(input.reference === null ? [] : [rmsdCheck(kept)]),
  ];
}

/** Only asked where there is a reference. */
function rmsdCheck(kept: KeptPose[]): EngineCheck {
  const capped = kept.filter(({ rmsd_capped }) => rmsd_capped).length;
  const detail = capped === 0 ? undefined : `too symmetric to search in ${capped} poses: not stated`;
  return check("rmsd_exact", 1, capped === 0, detail);
}

/** Vina's box is a whole number of grid steps, so up to half a step larger on each face. */
function bestInBox(input: VinaInput, model: VinaModel): boolean {
  const box = writtenBox(input.box);
  const [x, y, z] = box.size_angstrom.map((side) => side + GRID_SPACING_ANGSTROM);
  const grid = { ...box, size_angstrom: [x ?? 0, y ?? 0, z ?? 0] as const };
  const types = pdbqtAtoms(input.ligand.pdbqt).map(({ type }) => type);
  return model.positions_angstrom.every(
    (position, index) => !isHeavyType(types[index] ?? "") || isInside(grid, position),
  );
}
