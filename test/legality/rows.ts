import { newId } from "../../src/ids.ts";

export const HASH = "0".repeat(64);
const ids = Object.fromEntries(
  [
    "user",
    "other_user",
    "org2",
    "project",
    "collection",
    "molecule",
    "molecule2",
    "structure",
    "site",
    "job",
    "batch",
    "exec",
    "protocol",
    "calculation",
    "artifact",
    "dataset",
    "frozen",
  ].map((name) => [name, newId()]),
) as Record<string, string>;
export const $ = (name: string) => `'${ids[name]}'`;

export const RESULTS = `
  INSERT INTO projects (project_id, owner_id, name) VALUES (${$("project")}, ${$("user")}, 'P');
  INSERT INTO molecules (molecule_id, identity_key, identity_kind, identity_version, compound_key, skeleton_key, smiles, formula, charge, stereo_status, toolkit_version, heavy_atoms)
    VALUES (${$("molecule")}, 'KEY-1', 'inchi', 1, 'C', 'S', 'C', 'CH4', 0, 'none', 't', 1),
      (${$("molecule2")}, 'KEY-2', 'inchi', 1, 'C2', 'S2', 'CC', 'C2H6', 0, 'none', 't', 2);
  INSERT INTO registrations (molecule_id, owner_id, input_text, name) VALUES (${$("molecule")}, ${$("user")}, 'C', 'methane');
  INSERT INTO collections (collection_id, owner_id, name) VALUES (${$("collection")}, ${$("user")}, 'C');
  INSERT INTO structures (structure_id, kind, format, uri, size_bytes, checksum, source, owner_id)
    VALUES (${$("structure")}, 'receptor', 'pdbqt', 'u', 1, 'sha256:${HASH}', 'upload:x', ${$("user")});
  INSERT INTO binding_sites (site_id, receptor_structure_id, center_x_angstrom, center_y_angstrom, center_z_angstrom, size_x_angstrom, size_y_angstrom, size_z_angstrom, name, owner_id)
    VALUES (${$("site")}, ${$("structure")}, 0, 0, 0, 20, 20, 20, 'one', ${$("user")});
  INSERT INTO pipeline_specs (spec_hash, name, version, spec) VALUES ('${HASH}', 'p', '1', '{"version":"1","tasks":{}}');
  INSERT INTO batch_jobs (batch_id, spec_hash, name, owner_id, total_items) VALUES (${$("batch")}, '${HASH}', 'b', ${$("user")}, 2);
  INSERT INTO jobs (job_id, spec_hash, pipeline_version, status, input_signature, params, owner_id)
    VALUES (${$("job")}, '${HASH}', '1', 'queued', '${HASH}', '{}', ${$("user")});
  INSERT INTO job_inputs (job_id, key, molecule_id) VALUES (${$("job")}, 'molecule', ${$("molecule")});
  INSERT INTO tasks (job_id, task_name, engine, status) VALUES (${$("job")}, 'run', 'xtb', 'ready');
  INSERT INTO task_executions (exec_id, job_id, task_name, attempt, status, fence, signature) VALUES (${$("exec")}, ${$("job")}, 'run', 1, 'running', 1, '${HASH}');
  INSERT INTO task_results (exec_id, job_id, task_name, service_name, schema_version, confidence_score, checks, result_data) VALUES (${$("exec")}, ${$("job")}, 'run', 'xtb', '1', 1, '[]', '{}');
  INSERT INTO job_events (job_id, seq_no, event) VALUES (${$("job")}, 1, 'submitted');
  INSERT INTO batch_items (batch_id, item_no, molecule_id) VALUES (${$("batch")}, 1, ${$("molecule")});
  INSERT INTO batch_progress (batch_id, slot) VALUES (${$("batch")}, 0);
  INSERT INTO protocols (protocol_id, params_hash, task, program, program_version, params) VALUES (${$("protocol")}, '${HASH}', 't', 'xtb', '6', '{}');
  INSERT INTO calculations (calculation_id, molecule_id, protocol_id, method, charge, multiplicity, unpaired_electrons, program, program_version, owner_id)
    VALUES (${$("calculation")}, ${$("molecule")}, ${$("protocol")}, 'GFN2-xTB', 0, 1, 0, 'xtb', '6', ${$("user")});
  INSERT INTO event_logs (event_type, entity_type) VALUES ('molecule_created', 'molecule');
  INSERT INTO artifacts (artifact_id, kind, title, owner_id) VALUES (${$("artifact")}, 'report', 't', ${$("user")});
  INSERT INTO artifact_versions (artifact_id, version, state_hash, document_id, created_by) VALUES (${$("artifact")}, 1, '${HASH}', 'd', ${$("user")});
  INSERT INTO executions (execution_id, user_id, agent, endpoint, ok) VALUES (new_id(), ${$("user")}, 'a', 'e', true);
  INSERT INTO datasets (dataset_id, name, query, split, owner_id) VALUES (${$("dataset")}, 'open', '{}', '{}', ${$("user")}), (${$("frozen")}, 'done', '{}', '{}', ${$("user")});
  INSERT INTO dataset_members (dataset_id, member_no, molecule_id, split, group_key) VALUES (${$("dataset")}, 1, ${$("molecule")}, 'train', 'g'), (${$("frozen")}, 1, ${$("molecule")}, 'train', 'g');
  UPDATE datasets SET frozen_at = now() WHERE dataset_id = ${$("frozen")};
  INSERT INTO result_cache (cache_key, signature, pipeline_version, task_name, canonical_job_id, canonical_exec_id, confidence_score) VALUES ('${HASH}', '${HASH}', '1', 'run', ${$("job")}, ${$("exec")}, 1);
`;

export const METADATA = `
  INSERT INTO organizations (org_id, name, slug) VALUES (${$("org2")}, 'Second lab', 'second-lab');
  INSERT INTO users (user_id, email, username) VALUES (${$("user")}, 'a@b.example', 'one'), (${$("other_user")}, 'c@d.example', 'two');
  INSERT INTO memberships (user_id, org_id) VALUES (${$("user")}, ${$("org2")});
  INSERT INTO jobs_meta (job_id, org_id, submitted_by, status, priority, generation, last_seq, created_at, updated_at)
    VALUES (${$("job")}, ${$("org2")}, ${$("user")}, 'queued', 5, 1, 1, now(), now());
`;
