import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";
import { newId } from "../ids.ts";
import { resultJobIds, underAskingJobs } from "../result-cache/links-store.ts";
import type { Calculation } from "./schema.ts";

/** A row of `calculations` by its column names, without what the database makes. */
export type NewCalculation = Omit<
  Calculation,
  "calculation_id" | "convergence_status" | "created_at" | "smiles" | "cached_from_job_id"
>;

/** Columns of `atomic_properties` without the key. */
export type NewAtom = {
  element: string;
  atomic_number: number;
  partial_charge: number | null;
  charge_model: string | null;
  x_angstrom: number;
  y_angstrom: number;
  z_angstrom: number;
  gradient_x_eh_per_bohr: number | null;
  gradient_y_eh_per_bohr: number | null;
  gradient_z_eh_per_bohr: number | null;
};

/** Inserts calculations with one row an atom, in two statements whatever their number. Returns their ids, in order. */
export async function insertCalculations(
  tx: ResultsTx,
  calculations: { row: NewCalculation; atoms: NewAtom[] }[],
): Promise<string[]> {
  if (calculations.length === 0) return [];
  const named = calculations.map(({ row, atoms }) => ({ calculation_id: newId(), row, atoms }));
  await tx
    .insertInto("calculations")
    .values(named.map(({ calculation_id, row }) => ({ calculation_id, ...row })))
    .execute();
  const atoms = named.flatMap(({ calculation_id, atoms }) =>
    atoms.map((atom, atom_index) => ({ calculation_id, atom_index, ...atom })),
  );
  const column = <K extends keyof (typeof atoms)[number]>(name: K) => atoms.map((atom) => atom[name]);
  await sql`INSERT INTO atomic_properties (calculation_id, atom_index, element, atomic_number, partial_charge, charge_model,
      x_angstrom, y_angstrom, z_angstrom, gradient_x_eh_per_bohr, gradient_y_eh_per_bohr, gradient_z_eh_per_bohr)
    SELECT * FROM unnest(${column("calculation_id")}::uuid[], ${column("atom_index")}::integer[], ${column("element")}::text[],
      ${column("atomic_number")}::smallint[], ${column("partial_charge")}::float8[], ${column("charge_model")}::text[],
      ${column("x_angstrom")}::float8[], ${column("y_angstrom")}::float8[], ${column("z_angstrom")}::float8[],
      ${column("gradient_x_eh_per_bohr")}::float8[], ${column("gradient_y_eh_per_bohr")}::float8[],
      ${column("gradient_z_eh_per_bohr")}::float8[])`.execute(tx);
  return named.map(({ calculation_id }) => calculation_id);
}

/** Of a row as people get it, with `c` the calculation and `m` its molecule. */
export const COLUMNS = [
  "c.calculation_id",
  "c.molecule_id",
  "c.job_id",
  "c.protocol_id",
  "c.structure_id",
  "c.optimized_structure_id",
  "c.method",
  "c.solvation_model",
  "c.solvent",
  "c.charge",
  "c.multiplicity",
  "c.unpaired_electrons",
  "c.electronic_temperature_k",
  "c.energy_eh",
  "c.solvation_energy_eh",
  "c.homo_ev",
  "c.lumo_ev",
  "c.gap_ev",
  "c.orbital_energies_ev",
  "c.orbital_occupations",
  "c.dipole_x_debye",
  "c.dipole_y_debye",
  "c.dipole_z_debye",
  "c.dipole_debye",
  "c.partial_charge_sum",
  "c.scf_converged",
  "c.geometry_converged",
  "c.convergence_status",
  "c.optimization_cycles",
  "c.gradient_norm_eh_per_bohr",
  "c.connectivity_preserved",
  "c.quality_flags",
  "c.wall_seconds",
  "c.cpu_seconds",
  "c.program",
  "c.program_version",
  "c.xyz_file_hash",
  "c.output_uri",
  "c.trajectory_uri",
  "c.owner_id",
  "c.visibility",
  "c.created_at",
  "m.smiles",
] as const;

/**
 * Calculations of jobs, each with the SMILES of its molecule, in the order of the jobs; for a task that was answered
 * from the cache the calculation behind it, marked.
 */
export async function selectCalculationsOfJobs(db: ResultsDb, jobIds: string[]): Promise<Calculation[]> {
  if (jobIds.length === 0) return [];
  const links = await resultJobIds(db, jobIds);
  const rows = await db
    .selectFrom("calculations as c")
    .leftJoin("molecules as m", "m.molecule_id", "c.molecule_id")
    .select(COLUMNS)
    .where("c.job_id", "in", [...jobIds, ...links.map((link) => link.from_job_id)])
    .orderBy("c.calculation_id")
    .execute();
  const made = await selectCalculationsOfExecutions(db, links);
  return underAskingJobs(
    jobIds,
    rows as Omit<Calculation, "cached_from_job_id">[],
    links,
    (row, link) => made.get(link.from_exec_id) === row.calculation_id,
  );
}

/** Which calculation an execution made: the job behind a hit may have made others. */
async function selectCalculationsOfExecutions(
  db: ResultsDb,
  links: { from_exec_id: string }[],
): Promise<Map<string, unknown>> {
  if (links.length === 0) return new Map();
  const rows = await db
    .selectFrom("task_results")
    .select(["exec_id", "result_data"])
    .where(
      "exec_id",
      "in",
      links.map((link) => link.from_exec_id),
    )
    .execute();
  return new Map(
    rows.map((row) => [row.exec_id, (row.result_data as { calculation_id?: string }).calculation_id]),
  );
}
