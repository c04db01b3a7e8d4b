import { AppError } from "../../errors.ts";
import type { Position } from "../../structures/geometry.ts";
import { pdbqtAtoms } from "../../structures/pdbqt.ts";

/** One MODEL of Vina's output: energies in kcal/mol as printed (3 decimals), RMSD to the first one in Å. */
export type VinaModel = {
  affinity_kcal_mol: number;
  rmsd_lb_angstrom: number;
  rmsd_ub_angstrom: number;
  total_kcal_mol: number;
  inter_kcal_mol: number;
  intra_kcal_mol: number;
  unbound_kcal_mol: number;
  /** In file order, shape (n_pdbqt_atoms, 3). */
  positions_angstrom: Position[];
};

/**
 * The models of an `out.pdbqt`, in order; none of an empty file. `ligand` is the text that was docked: each
 * model must have its atoms, in its order, with the same names, types and charges. Throws AppError `crashed`
 * where the file is cut short, a field is missing or no number, or the atoms are others.
 */
export function readOutput(text: string, ligand: string): VinaModel[] {
  const blocks = splitModels(text);
  const identity = atomIdentities(ligand);
  return blocks.map((block, index) => {
    if (!sameTexts(atomIdentities(block), identity))
      throw damaged(`the atoms of mode ${index + 1} are not those of the ligand, in its order`);
    return { ...readScores(block, index + 1), positions_angstrom: readPositions(block, index + 1) };
  });
}

/** Every line of the file belongs to a model: `MODEL n` … `ENDMDL`, n from 1. */
function splitModels(text: string): string[] {
  const blocks: string[] = [];
  let own: string[] | null = null;
  for (const line of text.split(/\r?\n/)) {
    if (own === null) {
      if (line === "") continue;
      if (line.trim() !== `MODEL ${blocks.length + 1}`)
        throw damaged(`"${line.slice(0, 40)}" stands outside its modes`);
      own = [];
    } else if (line === "ENDMDL") {
      blocks.push(own.join("\n"));
      own = null;
    } else own.push(line);
  }
  if (own !== null) throw damaged(`it is cut off in mode ${blocks.length + 1}`);
  return blocks;
}

/** Each atom's line without its coordinates. */
function atomIdentities(text: string): string[] {
  return text
    .split(/\r?\n/)
    .filter((line) => /^(ATOM {2}|HETATM)/.test(line))
    .map((line) => `${line.slice(0, 30)}|${line.slice(54).trimEnd()}`);
}

function sameTexts(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}

function readScores(block: string, mode: number): Omit<VinaModel, "positions_angstrom"> {
  const remark = (label: string, count: number): number[] => {
    const found = [...block.matchAll(new RegExp(`^REMARK ${label}:\\s*(\\S.*)$`, "gm"))];
    const values = (found[0]?.[1] ?? "").trim().split(/\s+/).map(strictNumber);
    if (found.length !== 1 || values.length !== count || values.some(Number.isNaN))
      throw damaged(`mode ${mode} has no sound line "${label}"`);
    return values;
  };
  const [affinity = Number.NaN, lower = Number.NaN, upper = Number.NaN] = remark("VINA RESULT", 3);
  const one = (label: string) => remark(label, 1)[0] ?? Number.NaN;
  return {
    affinity_kcal_mol: affinity,
    rmsd_lb_angstrom: lower,
    rmsd_ub_angstrom: upper,
    total_kcal_mol: one("INTER \\+ INTRA"),
    inter_kcal_mol: one("INTER"),
    intra_kcal_mol: one("INTRA"),
    unbound_kcal_mol: one("UNBOUND"),
  };
}

/** A plain decimal number, negative zero as zero; NaN for `nan`, `inf`, `****` and everything else. */
function strictNumber(text: string): number {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) + 0 : Number.NaN;
}

function readPositions(block: string, mode: number): Position[] {
  try {
    return pdbqtAtoms(block).map(({ position_angstrom: [x, y, z] }): Position => [x + 0, y + 0, z + 0]);
  } catch (cause) {
    throw damaged(`mode ${mode} has a coordinate that is no number`, cause);
  }
}

function damaged(what: string, cause?: unknown): AppError {
  return new AppError("crashed", `Vina's out.pdbqt can't be believed: ${what}`, { cause });
}
