// Rows large enough in number for the planner to care, with ids that say what they are of.

export const ROWS = 12_000;
/** Far fewer than jobs: what hangs on them looks all of them up at once. */
export const BATCHES = 3000;
/** One batch has the last of the jobs, so many: a few run, and the others wait. */
export const LARGE_BATCH = { number: 65, jobs: 3000 };
/** Ids that say what they are of: the same number in every table belongs together. */
export const uid = (kind: string, n: number) =>
  `0000000${kind}-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
const id = (kind: string, n = "n") =>
  `('0000000${kind}-0000-4000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;
/** One after the other, as rows come in. */
const at = "timestamptz '2026-01-01' + n * interval '1 second'";
const hash = (n = "n") => `lpad(to_hex(${n}), 64, '0')`;
const series = (rows = ROWS) => `FROM generate_series(1, ${rows}) AS n`;

/** The statements that fill an organization's database; for who may see rows there have to be two people in it. */
export function fillRows(ids: { scientist: string; colleague: string }): string {
  const owner = `CASE WHEN n % 3 = 0 THEN '${ids.colleague}' ELSE '${ids.scientist}' END::uuid`;
  const visibility = "CASE WHEN n % 10 < 3 THEN 'private' ELSE 'organization' END";
  const inBatch = `n > ${ROWS - LARGE_BATCH.jobs}`;
  const privateTo = `CASE WHEN n % 10 < 3 THEN ${owner} END`;
  return `
  INSERT INTO pipeline_specs (spec_hash, name, version, spec)
    VALUES (${hash("1")}, 'xtb', '1', '{"version": "1", "tasks": {}}');
  INSERT INTO protocols (protocol_id, params_hash, task, program, program_version, params)
    SELECT ${id("1")}, ${hash()}, 't', 'xtb', '6', '{}' ${series(10)};
  INSERT INTO molecules (molecule_id, identity_key, identity_kind, identity_version, compound_key, skeleton_key, smiles,
      formula, charge, stereo_status, toolkit_version, heavy_atoms)
    SELECT ${id("2")}, 'KEY-' || n, 'inchi', 1, 'C' || n, 'S' || n, 'C', 'C' || n % 500, 0, 'none', 't', 1 ${series()};
  INSERT INTO registrations (molecule_id, owner_id, visibility, name, external_id, input_text, tags, created_at)
    SELECT ${id("2", `1 + n % ${ROWS}`)}, ${owner}, ${visibility}, 'Name ' || n, 'EXT-' || n, 'C', ARRAY['tag' || n % 400], ${at}
    ${series(3 * ROWS)};
  INSERT INTO structures (structure_id, molecule_id, kind, format, uri, size_bytes, checksum, source, owner_id, visibility, created_at)
    SELECT ${id("3")}, ${id("2")}, CASE WHEN n % 4 = 0 THEN 'receptor' ELSE 'pose' END,
      CASE WHEN n % 4 = 0 THEN 'pdbqt' ELSE 'sdf' END, 'u', 1, 'sha256:' || ${hash()}, 's', ${owner}, ${visibility}, ${at} ${series()};
  INSERT INTO binding_sites (site_id, receptor_structure_id, center_x_angstrom, center_y_angstrom, center_z_angstrom,
      size_x_angstrom, size_y_angstrom, size_z_angstrom, name, owner_id, visibility, created_at)
    SELECT ${id("4")}, ${id("3")}, 0, 0, 0, 20, 20, 20, 'site ' || n, ${owner}, ${visibility}, ${at} ${series()};
  INSERT INTO jobs (job_id, spec_hash, pipeline_version, status, input_signature, params, owner_id, visibility, created_at, batch_id)
    SELECT ${id("5")}, ${hash("1")}, '1', CASE WHEN n % 100 = 0 THEN 'running' WHEN ${inBatch} THEN 'queued' ELSE 'completed' END,
      ${hash()}, jsonb_build_object('seed', n % 500), ${owner}, ${visibility}, ${at},
      CASE WHEN ${inBatch} THEN ${id("a", String(LARGE_BATCH.number))} END ${series()};
  INSERT INTO job_inputs (job_id, key, molecule_id) SELECT ${id("5")}, 'molecule', ${id("2")} ${series()};
  INSERT INTO job_outputs (job_id, key, uri, content_type, size_bytes, checksum) SELECT ${id("5")}, 'log', 'u', 't', 1, 'sha256:' || repeat('0', 64) ${series()};
  INSERT INTO job_events (job_id, seq_no, event, ts) SELECT ${id("5")}, 1, 'submitted', ${at} ${series()};
  INSERT INTO tasks (job_id, task_name, engine, status) SELECT ${id("5")}, 'run', 'xtb', 'completed' ${series()};
  INSERT INTO task_executions (exec_id, job_id, task_name, attempt, status, fence, ended_at, private_to, cached_from)
    SELECT ${id("6")}, ${id("5")}, 'run', 1, 'completed', 1, now(), ${privateTo}, CASE WHEN n = 5 THEN ${id("6", "4")} END ${series()};
  INSERT INTO task_results (result_id, exec_id, job_id, task_name, service_name, schema_version, confidence_score, checks, result_data)
    SELECT ${id("c")}, ${id("6")}, ${id("5")}, 'run', 'xtb', '1', 1, '[]', jsonb_build_object('calculation_id', ${id("7")}) ${series()};
  INSERT INTO batch_jobs (batch_id, spec_hash, name, status, owner_id, visibility, created_at, total_items)
    SELECT ${id("a")}, ${hash("1")}, 'batch ' || n, CASE WHEN n % 100 = 0 THEN 'paused' ELSE 'pending' END, ${owner}, ${visibility}, ${at}, 3 ${series(BATCHES)};
  INSERT INTO batch_progress (batch_id, slot, pending) SELECT ${id("a")}, 1, 1 ${series(BATCHES)};
  INSERT INTO batch_items (batch_id, item_no, molecule_id, status, error)
    SELECT ${id("a", "1 + n % 50")}, 1 + n / 50, ${id("2")}, CASE WHEN n % 10 = 0 THEN 'skipped' ELSE 'pending' END,
      CASE WHEN n % 10 = 0 THEN '{"code": "too_large"}'::jsonb END ${series()};
  INSERT INTO batch_items (batch_id, item_no, molecule_id, status, job_id)
    SELECT ${id("a", String(LARGE_BATCH.number))}, n, ${id("2")}, 'processing', ${id("5", `n + ${ROWS - LARGE_BATCH.jobs}`)}
    ${series(LARGE_BATCH.jobs)};
  INSERT INTO calculations (calculation_id, molecule_id, job_id, protocol_id, method, charge, multiplicity, unpaired_electrons,
      energy_eh, gap_ev, program, program_version, owner_id, visibility, created_at)
    SELECT ${id("7")}, ${id("2")}, ${id("5")}, ${id("1", "1 + n % 10")}, 'GFN2-xTB', 0, 1, 0, -n::float8 / 100, n::float8 / ${ROWS} * 10,
      'xtb', '6', ${owner}, ${visibility}, ${at} ${series()};
  INSERT INTO docking_results (result_id, job_id, task_name, protocol_id, site_id, molecule_id, pose_rank, seed, affinity_kcal_mol,
      affinity_reported_kcal_mol, affinity_source, torsions, heavy_atoms, pose_structure_id, program, program_version, private_to)
    SELECT ${id("8")}, ${id("5")}, 'dock', ${id("1", "1")}, ${id("4", "1 + n % 20")}, ${id("2", "1 + n / 2")}, 1 + n % 2, 1,
      -n::float8 / ${ROWS} * 10, -7, 'terms', 0, 1, ${id("3")}, 'vina', '1', ${privateTo} ${series()};
  INSERT INTO event_logs (event_id, ts, created_at, event_type, entity_type, entity_id, private_to)
    SELECT ${id("a")}, ${at}, ${at}, CASE WHEN n % 50 = 0 THEN 'error' ELSE 'calculation_completed' END, 'job', ${id("5")}::text,
      ${privateTo} ${series()};
  ANALYZE`;
}
