import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../errors.ts";
import type { RunOutcome } from "../../executors/executor.ts";
import { vinaChecks } from "./checks.ts";
import { keptLog, readVinaLog } from "./log.ts";
import { assertSucceeded, crashed, saysNothingFound } from "./outcome.ts";
import { readOutput, type VinaModel } from "./output.ts";
import { OUTPUT_FILE } from "./plan.ts";
import { favourablePoses, posesSdf } from "./poses.ts";
import type { VinaInput, VinaParams, VinaResult } from "./schema.ts";
import { assertNumbersAgree, assertSensible } from "./scores.ts";

/**
 * Believes a run or says why not. Scores in kcal/mol, positions in Å, shape (n_atoms, 3), in the order of the
 * ligand's atoms, hydrogens included. A best mode of 0 kcal/mol or worse, or none, is a result without poses.
 * Throws the AppErrors of `assertSucceeded`; `crashed` where the file is missing, cut short, of other atoms or
 * its numbers disagree; `engine_refused` with `box_misses_receptor` where the receptor was not felt.
 */
export async function parseVina(params: VinaParams, input: VinaInput, run: RunOutcome): Promise<VinaResult> {
  const log = readVinaLog(run.stdout);
  assertSucceeded(params, input, run, log);
  const text = await readModels(run);
  const models = readOutput(text, input.ligand.pdbqt);
  const { torsions, ligand } = input.ligand;
  const largest_difference_kcal_mol = assertNumbersAgree(models, log.modes, params, torsions);
  assertReceptorFelt(models);
  const kept = favourablePoses(input, models);
  assertSensible(kept.map(({ pose }) => pose));
  const program_version = log.version ?? "unknown";
  const sdf = posesSdf(input, kept, `AutoDock Vina ${program_version}`);
  return {
    outcome: kept.length === 0 ? "no_favourable_pose" : "poses",
    poses: kept.map(({ pose }) => pose),
    geometries: kept.map(({ geometry }) => geometry),
    unfavourable_poses: models.length - kept.length,
    heavy_atoms: ligand.geometry.elements.filter((element) => element !== "H").length,
    torsions,
    program: "vina",
    program_version,
    wall_seconds: run.wall_seconds,
    cpu_seconds: run.cpu_seconds,
    checks: vinaChecks({ input, models, kept, largest_difference_kcal_mol }),
    files: { "out.pdbqt": text, "poses.sdf": sdf, log: keptLog(run) },
  };
}

/** Vina leaves no file where it found nothing at all; then it says so. */
async function readModels(run: RunOutcome): Promise<string> {
  try {
    return await readFile(join(run.folder, OUTPUT_FILE), "utf8");
  } catch {
    if (saysNothingFound(run)) return "";
    throw crashed(`left no ${OUTPUT_FILE} although it says that all went well`, run);
  }
}

/**
 * Off the receptor every mode meets nothing: INTER is exactly 0 in all, with exit code 0 and a full table. What
 * is printed as affinity may differ from 0 there, by the ligand's own energy.
 */
function assertReceptorFelt(models: VinaModel[]): void {
  if (models.length === 0 || models.some(({ inter_kcal_mol }) => inter_kcal_mol !== 0)) return;
  const rule = "no pose touches the receptor: move the box onto the binding site";
  throw new AppError("engine_refused", rule, {
    code: "box_misses_receptor",
    fields: [{ path: "/box", rule }],
  });
}
