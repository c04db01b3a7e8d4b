import { decimal } from "../../canonical.ts";
import type { RunPlan } from "../../executors/executor.ts";
import type { Box } from "../../structures/box.ts";
import type { Position } from "../../structures/geometry.ts";
import type { EngineInstall } from "../engine.ts";
import type { VinaInput, VinaParams } from "./schema.ts";

export const RECEPTOR_FILE = "receptor.pdbqt";
export const LIGAND_FILE = "ligand.pdbqt";
export const OUTPUT_FILE = "out.pdbqt";
/** Vina's own, never changed: they are part of what is signed. */
export const GRID_SPACING_ANGSTROM = 0.375;
export const MIN_RMSD_ANGSTROM = 1;

const [MIB, GIB] = [1024 ** 2, 1024 ** 3];
const BOX_PLACES = 3;

/** A box as six texts in Å at 3 decimals, without negative zero: exactly what Vina gets and what is signed. */
export function boxTexts(box: Box): { center: string[]; size: string[] } {
  const write = (values: Position) => values.map((value) => decimal(value, BOX_PLACES));
  return { center: write(box.center_angstrom), size: write(box.size_angstrom) };
}

/** The box that Vina searches: the one given, at the decimals that are written. */
export function writtenBox(box: Box): Box {
  const [x = 0, y = 0, z = 0, dx = 0, dy = 0, dz = 0] = Object.values(boxTexts(box)).flat().map(Number);
  return { center_angstrom: [x, y, z], size_angstrom: [dx, dy, dz] };
}

/**
 * Vina's exact arguments, with file names that are always the same. `--cpu 1`: a worker runs one program a
 * slot, and the count of threads changes no digit. The seed is never 0, which Vina takes as a random one.
 */
export function vinaArguments(params: VinaParams, input: VinaInput): string[] {
  const { center, size } = boxTexts(input.box);
  const axes = ["x", "y", "z"].map((axis, index) => ({ axis, index }));
  return [
    ...["--receptor", RECEPTOR_FILE, "--ligand", LIGAND_FILE],
    ...axes.flatMap(({ axis, index }) => [`--center_${axis}`, center[index] ?? ""]),
    ...axes.flatMap(({ axis, index }) => [`--size_${axis}`, size[index] ?? ""]),
    ...["--exhaustiveness", String(params.exhaustiveness), "--num_modes", String(params.num_modes)],
    ...["--energy_range", decimal(params.energy_range_kcal_mol, 3)],
    ...["--seed", String(params.seed), "--cpu", "1", "--out", OUTPUT_FILE],
  ];
}

/** The run: two files in, one out, one thread. Paths of this machine appear in `program` only. */
export function planVina(install: EngineInstall, params: VinaParams, input: VinaInput): RunPlan {
  return {
    program: install.path,
    args: vinaArguments(params, input),
    env: install.env,
    files: { [RECEPTOR_FILE]: input.receptor_pdbqt, [LIGAND_FILE]: input.ligand.pdbqt },
    time_limit_seconds: timeLimit(params, input),
    memory_limit_bytes: memoryLimit(params, input),
  };
}

const SHORTEST_LIMIT_SECONDS = 300;
const SECONDS_PER_EVALUATION = 1.6e-8;
const TIME_MARGIN = 20;

/**
 * A stop for what hangs, not a budget: 20 times what the search takes on one slow core (2 vCPU, 2024), so
 * that amprenavir at exhaustiveness 8 (110 s) gets 40 min. The estimate is Vina's own count of steps,
 * 105 (50 + n + 10 (6 + T)), each with (25 + n) / 3 steps of minimisation over n² pairs, for n written atoms
 * and T torsions; measured within a factor of 2 from nicotine (n 12, T 1) to a peptide (n 73, T 32).
 */
function timeLimit({ exhaustiveness }: VinaParams, { ligand }: VinaInput): number {
  const n = ligand.atoms.length;
  const steps = 105 * (50 + n + 10 * (6 + ligand.torsions));
  const evaluations = exhaustiveness * steps * ((25 + n) / 3) * n ** 2;
  return SHORTEST_LIMIT_SECONDS + Math.ceil(TIME_MARGIN * SECONDS_PER_EVALUATION * evaluations);
}

/** The thread that searches gets the executor's stack (1 GiB of addresses); without it Vina needs 0.36 GB. */
const FIXED_BYTES = 3 * GIB;
const BYTES_PER_PAIR = MIB;
const BYTES_PER_GRID_POINT = 256;
const BYTES_PER_SEARCH = MIB;

/**
 * Address space. Vina tabulates every pair of ligand atoms: 0.36 GB resident at 12 atoms, 0.53 GB at 35,
 * 1.64 GB at 73, which is 0.3 to 0.5 MB a pair; the grids take 50 bytes a point for 3 atom types, of up to 20.
 */
function memoryLimit({ exhaustiveness }: VinaParams, { ligand, box }: VinaInput): number {
  const n = ligand.atoms.length;
  const points = box.size_angstrom.reduce(
    (product, side) => product * (Math.ceil(side / GRID_SPACING_ANGSTROM) + 1),
    1,
  );
  const pairs = (n * (n + 1)) / 2;
  const grown = BYTES_PER_PAIR * pairs + BYTES_PER_GRID_POINT * points + BYTES_PER_SEARCH * exhaustiveness;
  return Math.ceil(FIXED_BYTES + grown);
}
