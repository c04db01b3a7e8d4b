import { AppError } from "../../errors.ts";
import type { VinaModel } from "./output.ts";
import type { VinaParams } from "./schema.ts";

/** Weight of N_rot in Vina's score: Trott and Olson, J. Comput. Chem. 2010, 31, 455, doi:10.1002/jcc.21334. */
const ROTOR_WEIGHT = 0.05846;
/** Half of the last printed digit, and a little for floats. */
const ROUNDING = 0.0005 + 1e-6;
/** No ligand has ever scored near this, in kcal/mol; Vina 1.2 has printed -357 where its unbound term was broken. */
const ABSURD_KCAL_MOL = 50;

/** The divisor 1 + 0.05846 N_rot of Vina's score. */
export function rotorFactor(torsions: number): number {
  return 1 + ROTOR_WEIGHT * torsions;
}

/**
 * The score without the noise of Vina 1.2.0–1.2.3, in kcal/mol: (INTER + INTRA − INTRA of pose 1) /
 * (1 + 0.05846 N_rot). These versions subtract as "unbound" the internal energy of whatever conformation they
 * touched last, ±0.6 kcal/mol on the same pose; from 1.2.4 on it is that of pose 1, as the paper means it, and
 * this value is the printed one.
 */
export function correctedAffinity(model: VinaModel, best: VinaModel, torsions: number): number {
  return (model.total_kcal_mol - best.intra_kcal_mol) / rotorFactor(torsions);
}

/**
 * Recomputes what Vina printed: each score from its terms within rounding, one unbound term for the run, best
 * first, distances from pose 1, as many modes as its table lists within the energy range. Returns the largest
 * difference between a printed score and its terms, in kcal/mol. Throws AppError `crashed` where they disagree.
 */
export function assertNumbersAgree(
  models: VinaModel[],
  listed: number[],
  params: VinaParams,
  torsions: number,
): number {
  assertCount(models, listed, params);
  const factor = rotorFactor(torsions);
  let largest = 0;
  for (const [index, model] of models.entries()) {
    const mode = `mode ${index + 1}`;
    const { affinity_kcal_mol, total_kcal_mol, inter_kcal_mol, intra_kcal_mol, unbound_kcal_mol } = model;
    const expected = (total_kcal_mol - unbound_kcal_mol) / factor;
    const difference = Math.abs(affinity_kcal_mol - expected);
    // A double holds 15 digits: of a clash of 1e12 kcal/mol the third decimal is noise.
    const noise = Math.abs(total_kcal_mol) * 1e-12;
    largest = Math.max(largest, difference);
    if (difference > ROUNDING * (1 + 2 / factor) + noise)
      throw disagree(`${mode} is printed as ${affinity_kcal_mol}, its terms give ${expected.toFixed(3)}`);
    if (Math.abs(inter_kcal_mol + intra_kcal_mol - total_kcal_mol) > 3 * ROUNDING + noise)
      throw disagree(`INTER and INTRA of ${mode} do not sum to ${total_kcal_mol}`);
    if (unbound_kcal_mol !== models[0]?.unbound_kcal_mol)
      throw disagree(`${mode} has another unbound term than mode 1`);
    if (affinity_kcal_mol < (models[index - 1]?.affinity_kcal_mol ?? Number.NEGATIVE_INFINITY))
      throw disagree(`${mode} is better than the one before it`);
    assertDistances(model, index);
  }
  return largest;
}

/**
 * Refuses kept poses with scores that no ligand has: the table they go to does, too. What Vina printed may be
 * absurd all the same, as its unbound term is in it; it is kept as printed, and a check says so.
 */
export function assertSensible(scores: { affinity_kcal_mol: number }[]): void {
  for (const { affinity_kcal_mol: value } of scores) {
    if (Math.abs(value) <= ABSURD_KCAL_MOL) continue;
    const what = `Vina's answer is nonsense: a score of ${value.toFixed(3)} kcal/mol`;
    throw new AppError("engine_refused", `${what}: use Vina 1.2.4 or newer, or another seed`);
  }
}

function assertDistances(
  { rmsd_lb_angstrom: lower, rmsd_ub_angstrom: upper }: VinaModel,
  index: number,
): void {
  if (lower < 0 || lower > upper)
    throw disagree(`mode ${index + 1} is at least ${lower} and at most ${upper} Å off`);
  if (index === 0 && upper !== 0) throw disagree(`mode 1 is ${upper} Å from itself`);
}

/**
 * The file is written unchecked, so a full disk cuts it short behind any mode and nobody is told. The table,
 * which holds the modes outside the range too, has 4 digits: rows within their rounding of the range may be
 * in or out.
 */
function assertCount(models: VinaModel[], listed: number[], params: VinaParams): void {
  const [best = Number.NaN] = listed;
  const within = (slack: number) =>
    listed.filter((value) => value <= best + params.energy_range_kcal_mol + slack).length;
  const edge = best + params.energy_range_kcal_mol;
  const rounding = 1e-3 * (1 + Math.max(Math.abs(best), Math.abs(edge)));
  const [least, most] = [within(-rounding), within(rounding)];
  if (models.length >= least && models.length <= most) return;
  throw disagree(`its table lists ${most} modes within the energy range, its file has ${models.length}`);
}

function disagree(what: string): AppError {
  return new AppError("crashed", `Vina's numbers disagree: ${what}`, { detail: what });
}
