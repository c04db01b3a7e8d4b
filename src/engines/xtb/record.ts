import { insertCalculations, type NewCalculation } from "../../calculations/store.ts";
import { canonical, signatureOf } from "../../canonical.ts";
import type { ResultsTx } from "../../db/results.ts";
import { sha256 } from "../../ids.ts";
import { insertOutputs, type NewOutput } from "../../jobs/store.ts";
import type { TaskOutputs } from "../../pipelines/schema.ts";
import { type NewProtocol, upsertProtocols } from "../../protocols/store.ts";
import { geometryHash } from "../../structures/geometry.ts";
import { insertStructures, type NewStructure } from "../../structures/store.ts";
import type { OutputFile, Recorded, RecordInput } from "../adapter.ts";
import { confidence } from "../confidence.ts";
import { unpairedElectrons } from "./check.ts";
import { xyzText } from "./plan.ts";
import { xtbNearHashes, xtbResultHash } from "./result-hash.ts";
import { type XtbInput, type XtbParams, type XtbResult, xtbParams } from "./schema.ts";

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

type XtbRecord = RecordInput<XtbParams, XtbInput, XtbResult>;

/**
 * Writes calculations with their protocols, optimised structures, outputs and one row an atom. Columns are
 * those of the results by name; nothing is converted here.
 */
export async function recordXtb(tx: ResultsTx, records: XtbRecord[]): Promise<Recorded[]> {
  const protocols = await upsertProtocols(tx, records.map(protocolOf));
  const optimized = await insertOptimized(tx, records);
  await insertOutputs(
    tx,
    records.flatMap((record, index) => outputRows(record, optimized[index] ?? null)),
  );
  const calculations = await insertCalculations(
    tx,
    records.map((record, index) => ({
      row: calculationOf(record, protocols[index] ?? "", optimized[index] ?? null),
      atoms: record.result.atoms,
    })),
  );
  return records.map((record, index) =>
    recordedOf(record, calculations[index] ?? "", optimized[index] ?? null),
  );
}

function recordedOf(
  { prepared, result }: XtbRecord,
  calculation_id: string,
  optimizedId: string | null,
): Recorded {
  const { checks } = result;
  return {
    schema_version: "1",
    checks,
    confidence_score: confidence(checks),
    result_data: {
      calculation_id,
      outcome: result.connectivity_preserved === false ? "connectivity_changed" : "done",
    },
    outputs: {
      structure: {
        structure_id: optimizedId ?? prepared.structure_id,
        molecule_id: speciesOf(prepared.molecule_id, result),
      },
      ...valuesOf(result),
    },
    result_hash: xtbResultHash(result),
    near_hashes: xtbNearHashes(result),
    wall_seconds: result.wall_seconds,
    cpu_seconds: result.cpu_seconds,
  };
}

/** Numbers that a later task may be given. */
function valuesOf({ energy_eh, gap_ev, dipole_debye }: XtbResult): TaskOutputs {
  const values = Object.entries({ energy_eh, gap_ev, dipole_debye });
  return Object.fromEntries(values.flatMap(([name, value]) => (value === null ? [] : [[name, { value }]])));
}

/** A run that broke or made bonds ended in another species than the one it was given. */
function speciesOf(moleculeId: string | null, result: XtbResult): string | null {
  return result.connectivity_preserved === false ? null : moleculeId;
}

function calculationOf(
  { task, prepared, result, stored, logs_uri }: XtbRecord,
  protocol_id: string,
  optimized_structure_id: string | null,
): NewCalculation {
  const { atoms: _atoms, final_geometry: _geometry, files: _files, checks: _checks, ...columns } = result;
  return {
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
    output_uri: logs_uri,
    trajectory_uri: stored.get(TRAJECTORY)?.uri ?? null,
    owner_id: task.owner_id,
    visibility: task.visibility,
  };
}

/** Everything that makes two numbers comparable; found again by its content. */
function protocolOf({ prepared, install }: XtbRecord): NewProtocol {
  const params = comparedParams(prepared.params);
  const content = {
    task: `xtb.${params.task}`,
    program: install.name,
    program_version: install.version,
    params,
  };
  return { ...content, params_hash: signatureOf(canonical(content)) };
}

/**
 * Parameters as a protocol has them, the same for runs of one signature: without what only permits, and what a single
 * point has no use for at its default, as every single point of old has it.
 */
export function comparedParams({ large: _permits, ...params }: XtbParams): Omit<XtbParams, "large"> {
  if (params.task === "optimize") return params;
  const { optimization_level, max_optimization_cycles } = xtbParams();
  return { ...params, optimization_level, max_optimization_cycles };
}

/** The id of each run's optimised structure; null for a single point. */
async function insertOptimized(tx: ResultsTx, records: XtbRecord[]): Promise<(string | null)[]> {
  const rows = records.map(optimizedRow);
  const ids = (
    await insertStructures(
      tx,
      rows.filter((row) => row !== null),
    )
  ).values();
  return rows.map((row) => (row === null ? null : (ids.next().value ?? null)));
}

function optimizedRow({ task, prepared, result, stored, install }: XtbRecord): NewStructure | null {
  const file = stored.get(OPTIMIZED);
  if (file === undefined) return null;
  const { uri, size_bytes, checksum } = file;
  return {
    uri,
    size_bytes,
    checksum,
    molecule_id: speciesOf(prepared.molecule_id, result),
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
  };
}

function outputRows({ task, prepared, stored }: XtbRecord, optimizedId: string | null): NewOutput[] {
  return [...stored].map(([key, object]) => ({
    ...object,
    job_id: task.job_id,
    key: `${task.task_name}/${key}`,
    molecule_id: prepared.molecule_id,
    structure_id: key === OPTIMIZED ? optimizedId : null,
  }));
}
