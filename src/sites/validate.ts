import type { ResultsScope } from "../db/results.ts";
import { AppError } from "../errors.ts";
import type { Site } from "./schema.ts";
import { selectOptionalSite, selectRedocking, updateValidation } from "./store.ts";

/** A redocked first pose nearer than this to the crystal's counts as found, in Å: the field's usual limit. */
const FOUND_ANGSTROM = 2;

/**
 * Keeps what a completed job says of a site: how near its poses of the reference ligand came to its known
 * place. Throws AppError not_found, bad_input where the job did not dock that ligand there, or is private and
 * the site is not: whoever sees the site would see its result.
 */
export async function validateSite(
  scope: ResultsScope,
  { site_id, job_id }: { site_id: string; job_id: string },
): Promise<Site> {
  const site = await selectOptionalSite(scope.tx, site_id);
  if (site === undefined) throw new AppError("not_found", "no such binding site");
  const poses = await selectRedocking(scope.tx, site_id, job_id);
  const [first] = poses;
  if (first === undefined)
    throw new AppError(
      "bad_input",
      "this job holds no pose of this site's reference ligand: it docked another molecule, or elsewhere",
    );
  if (first.private_to !== null && site.visibility !== "private")
    throw new AppError(
      "bad_input",
      "this job is private and the site is not, so its result would be shown: dock the reference again for the organization",
    );
  const best = poses.reduce((least, pose) =>
    pose.rmsd_reference_angstrom < least.rmsd_reference_angstrom ? pose : least,
  );
  const changed = await updateValidation(scope.tx, site_id, {
    job_id,
    affinity_kcal_mol: first.affinity_kcal_mol,
    rmsd_reference_angstrom: first.rmsd_reference_angstrom,
    best_rmsd_reference_angstrom: best.rmsd_reference_angstrom,
    best_rmsd_rank: best.pose_rank,
    found: first.rmsd_reference_angstrom <= FOUND_ANGSTROM,
    limit_angstrom: FOUND_ANGSTROM,
    seed: first.seed,
  });
  if (changed === undefined)
    throw new AppError("forbidden", "only the site's owner and admins may keep its validation");
  return changed;
}
