import { insertCalculation, upsertProtocol } from "../../calculations/store.ts";
import { canonical, signatureOf } from "../../canonical.ts";
import type { ResultsTx } from "../../db/results.ts";
import { sha256 } from "../../ids.ts";
import { insertOutputs, type NewOutput } from "../../jobs/store.ts";
import { geometryHash } from "../../structures/geometry.ts";
import { insertStructure } from "../../structures/store.ts";
import type { OutputFile, Recorded, RecordInput } from "../adapter.ts";
import { confidence } from "../confidence.ts";
import { unpairedElectrons } from "./check.ts";
import { xyzText } from "./plan.ts";
import type { XtbInput, XtbParams, XtbResult } from "./schema.ts";

const OPTIMIZED = "xtbopt.xyz";
const TRAJECTORY = "xtbopt.log";

/** The files of a run that are kept as job outputs. */
export function xtbOutputs(result: XtbResult): OutputFile[] {
  const files: OutputFile[] = [];
  const optimized = result.files["xtbopt.xyz"];
  const { trajectory } = result.files;
  if (optimized !== undefined)
    files.push({ key: OPTIMIZED, content_type: "chemical/x-xyz", bytes: optimized });
  // One atom takes no step: the file is there and empty.
  if (trajectory !== undefined && trajectory.byteLength > 0)
    files.push({ key: TRAJECTORY, content_type: "chemical/x-xyz", bytes: trajectory });
  return files;
}

/**
 * Writes the calculation with its protocol, optimised structure, outputs and one row an atom. Columns are
 * those of the result by name; nothing is converted here.
 */
export async function recordXtb(
  tx: ResultsTx,
  record: RecordInput<XtbParams, XtbInput, XtbResult>,
): Promise<Recorded> {
  const { task, prepared, result } = record;
  const protocol_id = await protocolOf(tx, record);
  const optimized_structure_id = await optimizedStructure(tx, record);
  await insertOutputs(tx, outputRows(record, optimized_structure_id));
  const { atoms, final_geometry: _geometry, files: _files, checks, ...columns } = result;
  const calculation_id = await insertCalculation(
    tx,
    {
      ...columns,
      molecule_id: prepared.molecule_id,
      job_id: task.job_id,
      protocol_id,
      structure_id: prepared.structure_id,
      optimized_structure_id,
      solvation_model: prepared.params.solvent === null ? null : "alpb",
      solvent: prepared.params.solvent,
      charge: prepared.input.charge,
      multiplicity: prepared.input.multiplicity,
      unpaired_electrons: unpairedElectrons(prepared.input.multiplicity),
      xyz_file_hash: sha256(xyzText(prepared.input)),
      output_uri: record.logs_uri,
      trajectory_uri: record.stored.get(TRAJECTORY)?.uri ?? null,
      owner_id: task.owner_id,
      visibility: task.visibility,
    },
    atoms,
  );
  return {
    schema_version: "1",
    checks,
    confidence_score: confidence(checks),
    result_data: {
      calculation_id,
      outcome: result.connectivity_preserved === false ? "connectivity_changed" : "done",
    },
    wall_seconds: result.wall_seconds,
    cpu_seconds: result.cpu_seconds,
  };
}

/** Everything that makes two numbers comparable; found again by its content. */
async function protocolOf(
  tx: ResultsTx,
  { prepared, install }: RecordInput<XtbParams, XtbInput, XtbResult>,
): Promise<string> {
  const { large: _permits, ...params } = prepared.params;
  const content = {
    task: `xtb.${params.task}`,
    program: install.name,
    program_version: install.version,
    params,
  };
  return upsertProtocol(tx, { ...content, params_hash: signatureOf(canonical(content)) });
}

async function optimizedStructure(
  tx: ResultsTx,
  { task, prepared, result, stored, install }: RecordInput<XtbParams, XtbInput, XtbResult>,
): Promise<string | null> {
  const file = stored.get(OPTIMIZED);
  if (file === undefined) return null;
  const { uri, size_bytes, checksum } = file;
  const row = await insertStructure(tx, {
    uri,
    size_bytes,
    checksum,
    // A run that broke or made bonds ended in another species than the one it was given.
    molecule_id: result.connectivity_preserved === false ? null : prepared.molecule_id,
    kind: "conformer",
    name: null,
    format: "xyz",
    charge: prepared.input.charge,
    multiplicity: prepared.input.multiplicity,
    geometry_hash: geometryHash(result.final_geometry),
    preparation: {
      optimized_by: `${install.name} ${install.version}`,
      method: result.method,
      from_structure_id: prepared.structure_id,
    },
    source: `job:${task.job_id}`,
    owner_id: task.owner_id,
    visibility: task.visibility,
  });
  return row.structure_id;
}

function outputRows(
  { task, prepared, stored }: RecordInput<XtbParams, XtbInput, XtbResult>,
  optimizedId: string | null,
): NewOutput[] {
  return [...stored].map(([key, object]) => ({
    ...object,
    job_id: task.job_id,
    key: `${task.task_name}/${key}`,
    molecule_id: prepared.molecule_id,
    structure_id: key === OPTIMIZED ? optimizedId : null,
  }));
}
