import { AppError } from "../../errors.ts";
import { checkLigandFits } from "../../ligands/box-fit.ts";
import { checkGeometry } from "../../structures/bonds.ts";
import { checkBox, isInside } from "../../structures/box.ts";
import { isHeavyType, pdbqtAtoms } from "../../structures/pdbqt.ts";
import { writtenBox } from "./plan.ts";
import type { VinaInput, VinaParams } from "./schema.ts";

/**
 * Refuses what Vina 1.2.3 would take without a word and answer with zeros (a box off the receptor), a random
 * seed (0), an abort (NaN), or an endless search (a box that the ligand can't turn in). Throws AppError
 * `bad_input` (seed, box, coordinates), `engine_refused` with `box_misses_receptor`, and what
 * `checkLigandFits` throws. That a box above 30 Å needs a word is a rule of submission and not asked here.
 */
export function checkVinaInput(params: VinaParams, input: VinaInput): void {
  const { seed } = params;
  if (!Number.isSafeInteger(seed) || seed < 1)
    throw refused(
      "seed",
      `the seed must be a whole number from 1, not ${seed}: Vina takes 0 as a random one`,
    );
  checkBox(input.box, { large: true });
  // 0.0004 Å is above 0 and is written as 0.000.
  checkBox(writtenBox(input.box), { large: true });
  checkLigand(input);
  checkLigandFits(input.ligand, input.box);
  checkReceptor(input);
}

/** A prepared ligand is ours: disagreement within it is our fault and no user's. */
function checkLigand({ ligand }: VinaInput): void {
  checkGeometry(ligand.ligand.geometry);
  const atoms = pdbqtAtoms(ligand.pdbqt);
  if (!atoms.some(({ type }) => isHeavyType(type)))
    throw refused("ligand", "the ligand has no atom that Vina would score");
  const branches = ligand.pdbqt.match(/^BRANCH/gm)?.length ?? 0;
  if (atoms.length === ligand.atoms.length && branches === ligand.torsions) return;
  const prepared = `${ligand.atoms.length} atoms and ${ligand.torsions} torsions`;
  throw new AppError(
    "internal",
    `a ligand prepared with ${prepared} is written with ${atoms.length} and ${branches}`,
  );
}

function checkReceptor({ receptor_pdbqt, box }: VinaInput): void {
  const searched = writtenBox(box);
  const inside = pdbqtAtoms(receptor_pdbqt).some(
    ({ type, position_angstrom }) => isHeavyType(type) && isInside(searched, position_angstrom),
  );
  if (inside) return;
  const rule = "no atom of the receptor lies inside the box: move the box onto the binding site";
  throw new AppError("engine_refused", rule, {
    code: "box_misses_receptor",
    fields: [{ path: "/box", rule }],
  });
}

function refused(path: string, rule: string): AppError {
  return new AppError("bad_input", rule, { fields: [{ path, rule }] });
}
