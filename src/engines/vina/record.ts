import { canonical, signatureOf } from "../../canonical.ts";
import type { ResultsTx } from "../../db/results.ts";
import {
  insertPoses,
  type NewDockingResult,
  type PoseFile,
  type PoseRun,
} from "../../docking/poses-store.ts";
import { newId } from "../../ids.ts";
import { privateTo } from "../../jobs/schema.ts";
import { insertOutputs, type NewOutput } from "../../jobs/store.ts";
import { LIGAND_WRITER_VERSION } from "../../ligands/ligand.ts";
import type { TaskOutputs } from "../../pipelines/schema.ts";
import { type NewProtocol, upsertProtocols } from "../../protocols/store.ts";
import { geometryHash } from "../../structures/geometry.ts";
import { GENERATOR_VERSION } from "../../toolkit/generator.ts";
import type { OutputFile, Recorded, RecordInput } from "../adapter.ts";
import { confidence } from "../confidence.ts";
import { assertVersion } from "./outcome.ts";
import { vinaResultHash } from "./result-hash.ts";
import type { VinaInput, VinaParams, VinaResult } from "./schema.ts";

const POSES = "poses.sdf";

/** The files of a run that are kept as job outputs. */
export function vinaOutputs({ files }: VinaResult): OutputFile[] {
  const kept: OutputFile[] = [
    { key: "out.pdbqt", content_type: "chemical/x-pdbqt", bytes: Buffer.from(files["out.pdbqt"]) },
  ];
  if (files[POSES] !== null)
    kept.push({ key: POSES, content_type: "chemical/x-mdl-sdfile", bytes: Buffer.from(files[POSES]) });
  return kept.filter(({ bytes }) => bytes.byteLength > 0);
}

type VinaRecord = RecordInput<VinaParams, VinaInput, VinaResult>;

/**
 * Writes poses of runs with their protocols and outputs. Columns are those of the results by name. AppError `internal`
 * where another Vina ran than was found: its rows would stand under a protocol that names the wrong program.
 */
export async function recordVina(tx: ResultsTx, records: VinaRecord[]): Promise<Recorded[]> {
  for (const { install, result } of records) assertVersion(install, result.program_version);
  const protocols = await upsertProtocols(tx, records.map(protocolOf));
  await insertOutputs(tx, records.flatMap(outputRows));
  const runs = records.map((record, index) => posesOf(record, protocols[index] ?? ""));
  await insertPoses(tx, runs);
  return records.map((record, index) => recordedOf(record, protocols[index] ?? "", runs[index]));
}

function recordedOf(
  { task, result, prepared }: VinaRecord,
  protocol_id: string,
  run: PoseRun | undefined,
): Recorded {
  const [best] = result.poses;
  const pose = run?.poses[0];
  const outputs: TaskOutputs = {};
  if (pose !== undefined)
    outputs["best_pose"] = { structure_id: pose.structure_id, molecule_id: prepared.molecule_id };
  if (best !== undefined) outputs["affinity_kcal_mol"] = { value: best.affinity_kcal_mol };
  return {
    schema_version: "1",
    checks: result.checks,
    confidence_score: confidence(result.checks),
    result_data: {
      outcome: result.outcome,
      site_id: String(task.params["site_id"]),
      protocol_id,
      poses: result.poses.length,
      unfavourable_poses: result.unfavourable_poses,
      affinity_kcal_mol: best?.affinity_kcal_mol ?? null,
      conformer_structure_id: prepared.structure_id,
      protonation: "as drawn",
    },
    outputs,
    result_hash: vinaResultHash(result),
    wall_seconds: result.wall_seconds,
    cpu_seconds: result.cpu_seconds,
  };
}

/**
 * Everything that makes two scores at one site comparable; the seed is not in it, as another seed repeats the
 * same question.
 */
function protocolOf({ prepared, install }: VinaRecord): NewProtocol {
  const { seed: _repeats, ...params } = prepared.params;
  const content = {
    task: "vina.dock",
    program: install.name,
    program_version: install.version,
    params: {
      ...params,
      scoring: "vina",
      conformers: GENERATOR_VERSION,
      ligand_writer: LIGAND_WRITER_VERSION,
    },
  };
  return { ...content, params_hash: signatureOf(canonical(content)) };
}

/** A run's poses as rows; none where it found none, or knows no molecule to write them for. */
function posesOf({ task, prepared, result, stored, install }: VinaRecord, protocol_id: string): PoseRun {
  const file = stored.get(POSES);
  const { molecule_id } = prepared;
  const site_id = String(task.params["site_id"]);
  const { uri = "", size_bytes = 0, checksum = "" } = file ?? {};
  const shared: PoseFile = {
    molecule_id: molecule_id ?? "",
    uri,
    size_bytes,
    checksum,
    charge: prepared.input.ligand.ligand.charges.reduce((sum, value) => sum + value, 0),
    preparation: {
      docked_by: `${install.name} ${install.version}`,
      conformer_structure_id: prepared.structure_id,
      site_id,
    },
    source: `job:${task.job_id}`,
    owner_id: task.owner_id,
    visibility: task.visibility,
  };
  if (file === undefined || molecule_id === null) return { file: shared, poses: [], results: [] };
  const poses = result.geometries.map((geometry, index) => ({
    structure_id: newId(),
    record: index + 1,
    geometry_hash: geometryHash(geometry),
  }));
  const results = result.poses.map(
    (pose, index): NewDockingResult => ({
      ...pose,
      job_id: task.job_id,
      task_name: task.task_name,
      protocol_id,
      site_id,
      molecule_id,
      seed: prepared.params.seed,
      affinity_source: "terms",
      torsions: result.torsions,
      heavy_atoms: result.heavy_atoms,
      pose_structure_id: poses[index]?.structure_id ?? "",
      checks: result.checks,
      metadata: {},
      program: result.program,
      program_version: result.program_version,
      private_to: privateTo(task),
    }),
  );
  return { file: shared, poses, results };
}

function outputRows({ task, prepared, stored }: VinaRecord): NewOutput[] {
  return [...stored].map(([key, object]) => ({
    ...object,
    job_id: task.job_id,
    key: `${task.task_name}/${key}`,
    molecule_id: prepared.molecule_id,
    structure_id: null,
  }));
}
