import { sql } from "kysely";
import type { ResultsDb, ResultsTx } from "../db/results.ts";
import type { Calculation } from "./schema.ts";

/** Finds a protocol by its content or adds it. Returns its id. */
export async function upsertProtocol(
  tx: ResultsTx,
  protocol: { params_hash: string; task: string; program: string; program_version: string; params: object },
): Promise<string> {
  await tx
    .insertInto("protocols")
    .values({ ...protocol, params: sql`${JSON.stringify(protocol.params)}::jsonb` })
    .onConflict((oc) => oc.column("params_hash").doNothing())
    .execute();
  const row = await tx
    .selectFrom("protocols")
    .select("protocol_id")
    .where("params_hash", "=", protocol.params_hash)
    .executeTakeFirstOrThrow();
  return row.protocol_id;
}

/** A row of `calculations` by its column names, without what the database makes. */
export type NewCalculation = Omit<
  Calculation,
  "calculation_id" | "convergence_status" | "created_at" | "smiles"
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

/** Inserts a calculation and one row an atom, in the order given. Returns its id. */
export async function insertCalculation(
  tx: ResultsTx,
  row: NewCalculation,
  atoms: NewAtom[],
): Promise<string> {
  const inserted = await tx
    .insertInto("calculations")
    .values(row)
    .returning("calculation_id")
    .executeTakeFirstOrThrow();
  const { calculation_id } = inserted;
  const column = <K extends keyof NewAtom>(name: K) => atoms.map((atom) => atom[name]);
  await sql`INSERT INTO atomic_properties (calculation_id, atom_index, element, atomic_number, partial_charge, charge_model,
      x_angstrom, y_angstrom, z_angstrom, gradient_x_eh_per_bohr, gradient_y_eh_per_bohr, gradient_z_eh_per_bohr)
    SELECT ${calculation_id}, (ordinality - 1)::integer, element, atomic_number, partial_charge, charge_model, x, y, z, gx, gy, gz
    FROM unnest(${column("element")}::text[], ${column("atomic_number")}::smallint[], ${column("partial_charge")}::float8[],
      ${column("charge_model")}::text[], ${column("x_angstrom")}::float8[], ${column("y_angstrom")}::float8[],
      ${column("z_angstrom")}::float8[], ${column("gradient_x_eh_per_bohr")}::float8[],
      ${column("gradient_y_eh_per_bohr")}::float8[], ${column("gradient_z_eh_per_bohr")}::float8[]) WITH ORDINALITY
      AS a(element, atomic_number, partial_charge, charge_model, x, y, z, gx, gy, gz, ordinality)`.execute(
    tx,
  );
  return calculation_id;
}

const COLUMNS = [
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

/** Calculations of jobs, each with the SMILES of its molecule, in the order of the jobs. */
export async function selectCalculationsOfJobs(db: ResultsDb, jobIds: string[]): Promise<Calculation[]> {
  if (jobIds.length === 0) return [];
  const rows = await db
    .selectFrom("calculations as c")
    .leftJoin("molecules as m", "m.molecule_id", "c.molecule_id")
    .select(COLUMNS)
    .where("c.job_id", "in", jobIds)
    .orderBy(sql`array_position(${jobIds}::uuid[], c.job_id)`)
    .orderBy("c.calculation_id")
    .execute();
  return rows as Calculation[];
}
