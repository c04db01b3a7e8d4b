import { sql } from "kysely";
import type { ResultsTx } from "../db/results.ts";
import { newId } from "../ids.ts";
import type { DockingResult } from "./schema.ts";

/** A row of `docking_results` by its column names, without what the database makes. */
export type NewDockingResult = Omit<
  DockingResult,
  "result_id" | "smiles" | "name" | "compound_key" | "ligand_efficiency" | "created_at" | "cached_from_job_id"
> & { private_to: string | null; metadata: object };

/** A pose as a structure: one record of the file that holds all poses of its run. */
export type NewPose = {
  structure_id: string;
  record: number;
  geometry_hash: string;
};

/** What all poses of a run share as structures. */
export type PoseFile = {
  molecule_id: string;
  uri: string;
  size_bytes: number;
  checksum: string;
  charge: number;
  preparation: object;
  source: string;
  owner_id: string;
  visibility: string;
};

/** A run's poses: what they share, each as a structure, each with its scores. */
export type PoseRun = { file: PoseFile; poses: NewPose[]; results: NewDockingResult[] };

/**
 * Inserts the poses of runs, structures and scores, in two statements whatever their number. What the poses of a run
 * share is sent once, and the rest as arrays: the same rows as JSON took the server twice as long.
 */
export async function insertPoses(tx: ResultsTx, runs: PoseRun[]): Promise<void> {
  const found = runs.filter(({ results }) => results.length > 0);
  if (found.length === 0) return;
  await insertPoseStructures(tx, found);
  await insertScores(tx, found);
}

const SHARED = [
  "job_id",
  "task_name",
  "protocol_id",
  "site_id",
  "molecule_id",
  "seed",
  "affinity_source",
] as const;
const SHARED_TOO = [
  "torsions",
  "heavy_atoms",
  "checks",
  "metadata",
  "program",
  "program_version",
  "private_to",
] as const;

async function insertScores(tx: ResultsTx, runs: PoseRun[]): Promise<void> {
  const shared = runs.map(({ results: [first] }) =>
    Object.fromEntries([...SHARED, ...SHARED_TOO].map((name) => [name, first?.[name]])),
  );
  const rows = runs.flatMap(({ results }, index) => results.map((row) => ({ ...row, run: index + 1 })));
  const column = <K extends keyof (typeof rows)[number]>(name: K) => rows.map((row) => row[name]);
  // Their ids from here: the database's own function for them cost a tenth of the statement.
  const ids = rows.map(() => newId());
  await sql`INSERT INTO docking_results (result_id, job_id, task_name, protocol_id, site_id, molecule_id, seed, affinity_source,
      torsions, heavy_atoms, checks, metadata, program, program_version, private_to,
      pose_rank, affinity_kcal_mol, affinity_reported_kcal_mol, inter_kcal_mol, intra_kcal_mol, unbound_kcal_mol,
      rmsd_lb_angstrom, rmsd_ub_angstrom, rmsd_reference_angstrom, rmsd_symmetry_mate_angstrom, pose_structure_id)
    SELECT p.result_id, r.job_id, r.task_name, r.protocol_id, r.site_id, r.molecule_id, r.seed, r.affinity_source,
      r.torsions, r.heavy_atoms, r.checks, r.metadata, r.program, r.program_version, r.private_to,
      p.pose_rank, p.affinity, p.reported, p.inter, p.intra, p.unbound, p.lb, p.ub, p.reference, p.mate, p.structure_id
    FROM unnest(${ids}::uuid[], ${column("run")}::integer[], ${column("pose_rank")}::integer[], ${column("affinity_kcal_mol")}::float8[],
      ${column("affinity_reported_kcal_mol")}::float8[], ${column("inter_kcal_mol")}::float8[],
      ${column("intra_kcal_mol")}::float8[], ${column("unbound_kcal_mol")}::float8[], ${column("rmsd_lb_angstrom")}::float8[],
      ${column("rmsd_ub_angstrom")}::float8[], ${column("rmsd_reference_angstrom")}::float8[],
      ${column("rmsd_symmetry_mate_angstrom")}::float8[], ${column("pose_structure_id")}::uuid[])
      AS p(result_id, run, pose_rank, affinity, reported, inter, intra, unbound, lb, ub, reference, mate, structure_id)
    JOIN ROWS FROM (jsonb_to_recordset(${JSON.stringify(shared)}::jsonb) AS (job_id uuid, task_name text, protocol_id uuid,
      site_id uuid, molecule_id uuid, seed integer, affinity_source text, torsions integer, heavy_atoms integer,
      checks jsonb, metadata jsonb, program text, program_version text, private_to uuid)) WITH ORDINALITY
      AS r(job_id, task_name, protocol_id, site_id, molecule_id, seed, affinity_source, torsions, heavy_atoms, checks,
        metadata, program, program_version, private_to, at) ON r.at = p.run`.execute(tx);
}

async function insertPoseStructures(tx: ResultsTx, runs: PoseRun[]): Promise<void> {
  const files = runs.map((run) => run.file);
  const poses = runs.flatMap((run, index) => run.poses.map((pose) => ({ ...pose, of: index + 1 })));
  await sql`INSERT INTO structures (structure_id, molecule_id, kind, format, uri, record, size_bytes, checksum, charge,
      geometry_hash, preparation, source, owner_id, visibility)
    SELECT p.structure_id, f.molecule_id, 'pose', 'sdf', f.uri, p.record, f.size_bytes, f.checksum, f.charge,
      p.geometry_hash, f.preparation, f.source, f.owner_id, f.visibility
    FROM unnest(${poses.map((pose) => pose.of)}::integer[], ${poses.map((pose) => pose.structure_id)}::uuid[],
      ${poses.map((pose) => pose.record)}::integer[], ${poses.map((pose) => pose.geometry_hash)}::text[])
      AS p("of", structure_id, record, geometry_hash)
    JOIN ROWS FROM (jsonb_to_recordset(${JSON.stringify(files)}::jsonb) AS (molecule_id uuid, uri text, size_bytes bigint,
      checksum text, charge integer, preparation jsonb, source text, owner_id uuid, visibility text)) WITH ORDINALITY
      AS f(molecule_id, uri, size_bytes, checksum, charge, preparation, source, owner_id, visibility, at) ON f.at = p."of"`.execute(
    tx,
  );
}
