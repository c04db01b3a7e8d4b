import { $, HASH } from "./rows.ts";

export type Place = "metadata" | "results";

const APPEND_ONLY = "23001";
const job = `job_id = ${$("job")}`;
const batch = `batch_id = ${$("batch")}`;
const insertItem = (more: string) =>
  `INSERT INTO batch_items (batch_id, item_no, status, molecule_id, error, job_id) VALUES (${$("batch")}, ${more})`;

/** Statement and what must refuse it: the name of a constraint, or a SQLSTATE. */
export const REFUSED: [place: Place, by: string, text: string][] = [
  // Life of an organization and of its database
  ["metadata", "org_name_length", "INSERT INTO organizations (name, slug) VALUES ('ab', 'ab')"],
  ["metadata", "org_name_length", "INSERT INTO organizations (name, slug) VALUES (repeat('x', 101), 'x')"],
  ["metadata", "org_name_length", "INSERT INTO organizations (name, slug) VALUES (' lab ', 'x')"],
  ["metadata", "organizations_name_key", "INSERT INTO organizations (name, slug) VALUES ('SECOND LAB', 'x')"],
  [
    "metadata",
    "organizations_slug_key",
    "INSERT INTO organizations (name, slug) VALUES ('Other', 'second-lab')",
  ],
  ["metadata", "org_step", `UPDATE organizations SET status = 'suspended' WHERE org_id = ${$("org2")}`],
  ["metadata", "org_deleting", `UPDATE organizations SET status = 'deleting' WHERE org_id = ${$("org2")}`],
  [
    "metadata",
    "org_deleted",
    `UPDATE organizations SET status = 'deleting', delete_after = now() WHERE org_id = ${$("org2")}; UPDATE organizations SET status = 'deleted' WHERE org_id = ${$("org2")}`,
  ],
  [
    "metadata",
    "org_step",
    `UPDATE organizations SET status = 'deleting', delete_after = now() WHERE org_id = ${$("org2")}; UPDATE organizations SET status = 'deleted', deleted_at = now() WHERE org_id = ${$("org2")}; UPDATE organizations SET status = 'active', deleted_at = NULL WHERE org_id = ${$("org2")}`,
  ],
  ["metadata", "org_database_step", `UPDATE org_databases SET state = 'requested' WHERE state = 'active'`],
  // People, roles, secrets
  ["metadata", "users_email_key", "INSERT INTO users (email, username) VALUES ('A@B.example', 'three')"],
  ["metadata", "users_username_key", "INSERT INTO users (email, username) VALUES ('e@f.example', 'ONE')"],
  [
    "metadata",
    "users_kind_check",
    "INSERT INTO users (email, username, kind) VALUES ('e@f.example', 'x', 'robot')",
  ],
  [
    "metadata",
    "user_service",
    `UPDATE users SET kind = 'service', is_admin = true WHERE user_id = ${$("user")}`,
  ],
  [
    "metadata",
    "user_service",
    `UPDATE users SET kind = 'service', hashed_password = 'x' WHERE user_id = ${$("user")}`,
  ],
  ["metadata", "user_erased", `UPDATE users SET erased_at = now() WHERE user_id = ${$("user")}`],
  [
    "metadata",
    "user_erased",
    `UPDATE users SET erased_at = now(), enabled = false, hashed_password = 'x' WHERE user_id = ${$("user")}`,
  ],
  [
    "metadata",
    "user_erased",
    `UPDATE users SET erased_at = now(), enabled = false, last_login_at = now() WHERE user_id = ${$("user")}`,
  ],
  [
    "metadata",
    "user_erased",
    `UPDATE users SET erased_at = now(), enabled = false, is_admin = true WHERE user_id = ${$("user")}`,
  ],
  [
    "metadata",
    "tokens_address_tag_check",
    `INSERT INTO tokens (user_id, kind, token_hash, expires_at, address_tag) VALUES (${$("user")}, 'refresh', '${HASH}', now(), '192.0.2.1')`,
  ],
  [
    "metadata",
    "tokens_one_child",
    `WITH first AS (
       INSERT INTO tokens (user_id, kind, token_hash, expires_at) VALUES (${$("user")}, 'refresh', '${HASH}', now()) RETURNING token_id)
     INSERT INTO tokens (user_id, kind, token_hash, expires_at, parent_id)
     SELECT ${$("user")}, 'refresh', repeat(n, 64), now(), token_id FROM first, unnest(ARRAY['1', '2']) AS n`,
  ],
  [
    "metadata",
    "role_of_org",
    `WITH r AS (INSERT INTO roles (org_id, name) SELECT org_id, 'theirs' FROM org_databases RETURNING role_id)
     INSERT INTO membership_roles (user_id, org_id, role_id) SELECT ${$("user")}, ${$("org2")}, role_id FROM r`,
  ],
  [
    "metadata",
    "membership_roles_user_id_org_id_fkey",
    `INSERT INTO membership_roles (user_id, org_id, role_id) SELECT ${$("other_user")}, ${$("org2")}, role_id FROM roles WHERE name = 'viewer'; SET CONSTRAINTS ALL IMMEDIATE`,
  ],
  [
    "metadata",
    "role_permissions_permission_check",
    "INSERT INTO role_permissions SELECT role_id, 'everything' FROM roles LIMIT 1",
  ],
  [
    "metadata",
    "token_of_somebody",
    `INSERT INTO tokens (kind, token_hash, expires_at) VALUES ('refresh', '${HASH}', now())`,
  ],
  [
    "metadata",
    "token_invite_to_org",
    `INSERT INTO tokens (kind, token_hash, email, expires_at) VALUES ('invite', '${HASH}', 'x@y.example', now())`,
  ],
  [
    "metadata",
    "identity_providers_config_check",
    `INSERT INTO identity_providers (name, kind, config) VALUES ('x', 'oidc', '{"client_secret": "s"}')`,
  ],
  [
    "metadata",
    "api_keys_key_hash_check",
    `INSERT INTO api_keys (org_id, user_id, prefix, key_hash, name) VALUES (${$("org2")}, ${$("user")}, 'abcdefgh', 'the key itself', 'k')`,
  ],
  [
    "metadata",
    "queue_lanes_weight_check",
    `INSERT INTO queue_lanes (org_id, engine, weight) VALUES (${$("org2")}, 'xtb', 0)`,
  ],
  [
    "metadata",
    "queue_lanes_vtime_check",
    `INSERT INTO queue_lanes (org_id, engine, vtime) VALUES (${$("org2")}, 'xtb', 'NaN')`,
  ],
  // What is published or written down stays as it is
  ["metadata", APPEND_ONLY, "UPDATE pipeline_versions SET spec = spec || '{\"x\": 1}' WHERE published"],
  [
    "metadata",
    "valid_pipeline_spec",
    "INSERT INTO pipeline_versions (pipeline_id, version, spec) SELECT pipeline_id, 'x', '{}' FROM pipelines LIMIT 1",
  ],
  ["metadata", APPEND_ONLY, "UPDATE pipeline_versions SET published = false WHERE published"],
  ["metadata", "pipeline_latest_published", "UPDATE pipelines SET latest_version = 'none'"],
  [
    "metadata",
    "pipeline_latest_published",
    `INSERT INTO pipeline_versions (pipeline_id, version, spec) SELECT pipeline_id, 'draft', '{"version": "1", "tasks": {}}' FROM pipelines LIMIT 1;
     UPDATE pipelines SET latest_version = 'draft' WHERE pipeline_id = (SELECT pipeline_id FROM pipeline_versions WHERE version = 'draft')`,
  ],
  ["metadata", APPEND_ONLY, "UPDATE audit_logs SET action = 'other'"],
  ["metadata", APPEND_ONLY, "DELETE FROM audit_logs"],
  ["metadata", APPEND_ONLY, "TRUNCATE audit_logs"],
  ["results", APPEND_ONLY, "UPDATE pipeline_specs SET version = '2'"],
  ["results", APPEND_ONLY, "UPDATE protocols SET params = '{\"a\": 1}'"],
  ["results", APPEND_ONLY, "UPDATE structures SET uri = 'other'"],
  ["results", APPEND_ONLY, "UPDATE binding_sites SET size_x_angstrom = 30"],
  ["results", APPEND_ONLY, "UPDATE job_inputs SET key = 'x'"],
  ["results", APPEND_ONLY, "UPDATE task_results SET confidence_score = 0.5"],
  ["results", APPEND_ONLY, "UPDATE job_events SET event = 'x'"],
  ["results", APPEND_ONLY, "UPDATE event_logs SET message = 'x'"],
  ["results", APPEND_ONLY, "UPDATE executions SET ok = false"],
  ["results", APPEND_ONLY, "UPDATE artifact_versions SET uri = 'x'"],
  ["results", APPEND_ONLY, `UPDATE datasets SET query = '{"a": 1}' WHERE dataset_id = ${$("frozen")}`],
  ["results", APPEND_ONLY, `UPDATE datasets SET frozen_at = NULL WHERE dataset_id = ${$("frozen")}`],
  ["results", APPEND_ONLY, `DELETE FROM dataset_members WHERE dataset_id = ${$("frozen")}`],
  [
    "results",
    APPEND_ONLY,
    `INSERT INTO dataset_members (dataset_id, member_no, molecule_id, split, group_key) VALUES (${$("frozen")}, 2, ${$("molecule2")}, 'test', 'g')`,
  ],
  // Steps
  [
    "results",
    "job_step",
    `UPDATE jobs SET status = 'completed' WHERE ${job}; UPDATE jobs SET status = 'queued' WHERE ${job}`,
  ],
  [
    "results",
    "job_step",
    `UPDATE jobs SET status = 'cancelled' WHERE ${job}; UPDATE jobs SET status = 'running' WHERE ${job}`,
  ],
  ["results", "jobs_check", `UPDATE jobs SET status = 'failed' WHERE ${job}`],
  [
    "results",
    "task_step",
    `UPDATE tasks SET status = 'completed' WHERE ${job}; UPDATE tasks SET status = 'ready' WHERE ${job}`,
  ],
  [
    "results",
    "task_fence",
    `UPDATE tasks SET fence = 5 WHERE ${job}; UPDATE tasks SET fence = 4 WHERE ${job}`,
  ],
  ["results", "tasks_check", `UPDATE tasks SET depends_left = 1 WHERE ${job}`],
  [
    "results",
    "execution_step",
    `UPDATE task_executions SET status = 'lost', ended_at = now() WHERE ${job}; UPDATE task_executions SET status = 'running', ended_at = NULL WHERE ${job}`,
  ],
  ["results", "task_executions_check", `UPDATE task_executions SET status = 'completed' WHERE ${job}`],
  [
    "results",
    "task_executions_one_running",
    `INSERT INTO task_executions (job_id, task_name, attempt, status, fence) VALUES (${$("job")}, 'run', 2, 'running', 2)`,
  ],
  [
    "results",
    "batch_step",
    `UPDATE batch_jobs SET status = 'cancelled', ended_at = now() WHERE ${batch}; UPDATE batch_jobs SET status = 'in_progress', ended_at = NULL WHERE ${batch}`,
  ],
  ["results", "batch_ended", `UPDATE batch_jobs SET status = 'completed' WHERE ${batch}`],
  ["results", "batch_item_job", `UPDATE batch_items SET status = 'completed' WHERE ${batch}`],
  ["results", "batch_item_failed", `UPDATE batch_items SET status = 'failed' WHERE ${batch}`],
  [
    "results",
    "batch_item_step",
    `UPDATE batch_items SET status = 'completed', job_id = ${$("job")} WHERE ${batch}; UPDATE batch_items SET status = 'pending' WHERE ${batch}`,
  ],
  // One of each
  ["results", "batch_items_once", insertItem(`2, 'pending', ${$("molecule")}, NULL, NULL`)],
  ["results", "batch_items_pkey", insertItem(`1, 'pending', ${$("molecule2")}, NULL, NULL`)],
  [
    "results",
    "batch_progress_slot_check",
    `INSERT INTO batch_progress (batch_id, slot) VALUES (${$("batch")}, 16)`,
  ],
  [
    "results",
    "molecules_identity_key_key",
    "INSERT INTO molecules (identity_key, identity_kind, identity_version, compound_key, skeleton_key, smiles, formula, charge, stereo_status, toolkit_version, heavy_atoms) VALUES ('KEY-1', 'inchi', 1, 'C', 'S', 'C', 'CH4', 0, 'none', 't', 1)",
  ],
  ["results", "projects_name_key", `INSERT INTO projects (owner_id, name) VALUES (${$("user")}, 'p')`],
  [
    "results",
    "database_identity_pkey",
    "INSERT INTO database_identity (org_id, generation) VALUES (new_id(), 1)",
  ],
  // Numbers and shapes
  [
    "results",
    "structure_size_positive",
    `INSERT INTO structures (kind, format, uri, size_bytes, checksum, source, owner_id) VALUES ('receptor', 'pdb', 'u', 0, 'sha256:${HASH}', 's', new_id())`,
  ],
  ["results", "valid_job_params", `UPDATE jobs SET params = '[]' WHERE ${job}`],
  ["results", "jobs_priority_check", `UPDATE jobs SET priority = 10 WHERE ${job}`],
  ["results", "jobs_rank_check", `UPDATE jobs SET rank = ${2 ** 52 + 1} WHERE ${job}`],
  ["results", "calculations_check", `UPDATE calculations SET multiplicity = 2`],
  ["results", "428C9", `UPDATE calculations SET convergence_status = 'converged'`],
  [
    "results",
    "docking_results_affinity_kcal_mol_check",
    `INSERT INTO docking_results (job_id, task_name, protocol_id, site_id, molecule_id, pose_rank, seed, affinity_kcal_mol, affinity_reported_kcal_mol, affinity_source, torsions, heavy_atoms, pose_structure_id, program, program_version)
     VALUES (${$("job")}, 'run', ${$("protocol")}, ${$("site")}, ${$("molecule")}, 1, 1, 'NaN', -1, 'terms', 0, 1, ${$("structure")}, 'vina', '1')`,
  ],
  [
    "results",
    "task_results_confidence_score_check",
    `INSERT INTO task_results (exec_id, job_id, task_name, service_name, schema_version, confidence_score, checks, result_data) VALUES (${$("exec")}, ${$("job")}, 'run', 'x', '1', 1.1, '[]', '{}')`,
  ],
  ["results", "cache_key_is_signature", `UPDATE result_cache SET private_to = ${$("user")}`],
  [
    "results",
    "artifact_is_one_thing",
    `INSERT INTO artifact_versions (artifact_id, version, state_hash, created_by) VALUES (${$("artifact")}, 2, '${HASH}', new_id())`,
  ],
  [
    "results",
    "artifact_bytes_are_known",
    `INSERT INTO artifact_versions (artifact_id, version, state_hash, uri, created_by) VALUES (${$("artifact")}, 2, '${HASH}', 'u', new_id())`,
  ],
  [
    "results",
    "dataset_member_is_one_thing",
    `INSERT INTO dataset_members (dataset_id, member_no, molecule_id, calculation_id, result_id, split, group_key) VALUES (${$("dataset")}, 2, ${$("molecule")}, ${$("calculation")}, new_id(), 'test', 'g')`,
  ],
  [
    "results",
    "event_logs_event_type_check",
    "INSERT INTO event_logs (event_type, entity_type) VALUES ('other', 'x')",
  ],
  ["results", "job_inputs_check", `INSERT INTO job_inputs (job_id, key) VALUES (${$("job")}, 'nothing')`],
  ["results", "calculations_numbers", "UPDATE calculations SET energy_eh = 'NaN'"],
  ["results", "calculations_numbers", "UPDATE calculations SET gap_ev = 'infinity'"],
  [
    "results",
    "calculations_orbitals",
    "UPDATE calculations SET orbital_energies_ev = '{NaN}', orbital_occupations = '{2}'",
  ],
  ["results", "molecules_numbers", "UPDATE molecules SET clogp = '-infinity'"],
  ["results", "registrations_tags_check", "UPDATE registrations SET tags = ARRAY[repeat('x', 201)]"],
  [
    "results",
    "job_outputs_checksum_check",
    `INSERT INTO job_outputs (job_id, key, uri, content_type, size_bytes, checksum) VALUES (${$("job")}, 'k', 'u', 'c', 1, 'md5:1')`,
  ],
  [
    "results",
    APPEND_ONLY,
    `UPDATE datasets SET checksums = '{"csv": "a"}' WHERE dataset_id = ${$("frozen")}; UPDATE datasets SET checksums = '{"csv": "b"}' WHERE dataset_id = ${$("frozen")}`,
  ],
  [
    "metadata",
    "api_keys_scopes_check",
    `INSERT INTO api_keys (org_id, user_id, prefix, key_hash, name, scopes) VALUES (${$("org2")}, ${$("user")}, 'abcdefgh', '${HASH}', 'k', '{}')`,
  ],
  // Nothing points to what is not there
  ["results", "registrations_molecule_id_fkey", `DELETE FROM molecules WHERE molecule_id = ${$("molecule")}`],
  ["results", "jobs_batch_id_fkey", `UPDATE jobs SET batch_id = new_id() WHERE ${job}`],
  [
    "results",
    "collections_project_id_fkey",
    `INSERT INTO collections (owner_id, name, project_id) VALUES (new_id(), 'c', new_id())`,
  ],
  ["results", "binding_sites_receptor_structure_id_fkey", "DELETE FROM structures"],
  ["results", "batch_jobs_spec_hash_fkey", "DELETE FROM pipeline_specs"],
];

/** The legal neighbours of what is refused above: a table that refuses everything would pass that. */
export const ALLOWED: [place: Place, text: string][] = [
  [
    "metadata",
    `UPDATE organizations SET status = 'active' WHERE org_id = ${$("org2")}; UPDATE organizations SET status = 'suspended', suspended_at = now() WHERE org_id = ${$("org2")}; UPDATE organizations SET status = 'active' WHERE org_id = ${$("org2")}`,
  ],
  [
    "metadata",
    `UPDATE organizations SET status = 'deleting', delete_after = now() WHERE org_id = ${$("org2")};
     UPDATE organizations SET status = 'deleted', deleted_at = now() WHERE org_id = ${$("org2")};
     INSERT INTO organizations (name, slug) VALUES ('Second lab', 'second-lab')`,
  ],
  [
    "metadata",
    `INSERT INTO membership_roles (user_id, org_id, role_id) SELECT ${$("user")}, ${$("org2")}, role_id FROM roles WHERE name = 'viewer' AND org_id IS NULL`,
  ],
  ["metadata", `UPDATE pipeline_versions SET spec = spec WHERE NOT published`],
  [
    "metadata",
    `INSERT INTO pipeline_versions (pipeline_id, version, spec) SELECT pipeline_id, 'next', '{"version": "1", "tasks": {}}' FROM pipelines LIMIT 1;
     UPDATE pipeline_versions SET published = true WHERE version = 'next';
     UPDATE pipelines SET latest_version = 'next' WHERE pipeline_id = (SELECT pipeline_id FROM pipeline_versions WHERE version = 'next')`,
  ],
  [
    "results",
    `UPDATE jobs SET status = 'running' WHERE ${job}; UPDATE jobs SET status = 'failed', error = '{}' WHERE ${job}; UPDATE jobs SET status = 'queued', error = NULL WHERE ${job}`,
  ],
  [
    "results",
    `UPDATE tasks SET status = 'running', fence = 2 WHERE ${job}; UPDATE tasks SET status = 'ready' WHERE ${job}`,
  ],
  [
    "results",
    `UPDATE batch_jobs SET status = 'in_progress' WHERE ${batch}; UPDATE batch_jobs SET status = 'paused' WHERE ${batch}; UPDATE batch_jobs SET status = 'in_progress' WHERE ${batch}; UPDATE batch_jobs SET status = 'completed', ended_at = now() WHERE ${batch}; UPDATE batch_jobs SET status = 'in_progress', ended_at = NULL WHERE ${batch}`,
  ],
  ["results", insertItem(`2, 'failed', NULL, '{}', NULL), (${$("batch")}, 3, 'failed', NULL, '{}', NULL`)],
  [
    "results",
    `UPDATE datasets SET query = '{"a": 1}' WHERE dataset_id = ${$("dataset")}; DELETE FROM dataset_members WHERE dataset_id = ${$("dataset")}`,
  ],
  ["results", `DELETE FROM datasets WHERE dataset_id = ${$("frozen")}`],
  [
    "results",
    `UPDATE datasets SET visibility = 'private', description = 'x' WHERE dataset_id = ${$("frozen")}`,
  ],
  [
    "results",
    `UPDATE structures SET name = 'x', visibility = 'private'; UPDATE binding_sites SET validation = '{"a": 1}'`,
  ],
  ["results", `INSERT INTO projects (owner_id, name) VALUES (${$("other_user")}, 'p')`],
  [
    "results",
    `UPDATE datasets SET checksums = '{"csv": "a"}' WHERE dataset_id = ${$("frozen")}; UPDATE datasets SET checksums = '{"csv": "a", "parquet": "b"}' WHERE dataset_id = ${$("frozen")}`,
  ],
  // As long as the columns allow, in letters of three bytes: an index must not refuse what the table takes.
  [
    "results",
    `INSERT INTO registrations (molecule_id, owner_id, input_text, name, external_id, supplier, source_file, tags)
     SELECT ${$("molecule")}, ${$("user")}, repeat('C', 1000000), t, t, t, t || t, ARRAY[repeat('漢', 200)] FROM repeat('漢', 500) AS t`,
  ],
  [
    "metadata",
    `INSERT INTO jobs_meta (job_id, org_id, submitted_by, status, priority, generation, last_seq, created_at, updated_at)
     SELECT job_id, (SELECT org_id FROM org_databases), submitted_by, status, priority, 1, 1, created_at, updated_at FROM jobs_meta`,
  ],
];
