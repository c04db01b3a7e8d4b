-- no transaction
SET lock_timeout = '10s';
ALTER TABLE jobs DROP CONSTRAINT jobs_input_signature_check,
  ADD CONSTRAINT jobs_input_signature_check CHECK (input_signature ~ '^[0-9a-f]{64}$');
ALTER TABLE job_inputs DROP CONSTRAINT job_inputs_checksum_check,
  ADD CONSTRAINT job_inputs_checksum_check CHECK (checksum ~ '^sha256:[0-9a-f]{64}$');
ALTER TABLE job_outputs DROP CONSTRAINT job_outputs_checksum_check,
  ADD CONSTRAINT job_outputs_checksum_check CHECK (checksum ~ '^sha256:[0-9a-f]{64}$');
ALTER TABLE tasks DROP CONSTRAINT tasks_signature_check,
  ADD CONSTRAINT tasks_signature_check CHECK (signature ~ '^[0-9a-f]{64}$');
ALTER TABLE task_executions DROP CONSTRAINT task_executions_signature_check,
  ADD CONSTRAINT task_executions_signature_check CHECK (signature ~ '^[0-9a-f]{64}$');
ALTER TABLE structures DROP CONSTRAINT structures_checksum_check,
  ADD CONSTRAINT structures_checksum_check CHECK (checksum ~ '^sha256:[0-9a-f]{64}$'),
  DROP CONSTRAINT structures_geometry_hash_check,
  ADD CONSTRAINT structures_geometry_hash_check CHECK (geometry_hash ~ '^[0-9a-f]{64}$');
ALTER TABLE protocols DROP CONSTRAINT protocols_params_hash_check,
  ADD CONSTRAINT protocols_params_hash_check CHECK (params_hash ~ '^[0-9a-f]{64}$');
ALTER TABLE pipeline_specs DROP CONSTRAINT pipeline_specs_spec_hash_check,
  ADD CONSTRAINT pipeline_specs_spec_hash_check CHECK (spec_hash ~ '^[0-9a-f]{64}$');
ALTER TABLE calculations DROP CONSTRAINT calculations_xyz_file_hash_check,
  ADD CONSTRAINT calculations_xyz_file_hash_check CHECK (xyz_file_hash ~ '^[0-9a-f]{64}$');
ALTER TABLE result_cache DROP CONSTRAINT result_cache_signature_check,
  ADD CONSTRAINT result_cache_signature_check CHECK (signature ~ '^[0-9a-f]{64}$'),
  DROP CONSTRAINT result_cache_result_hash_check,
  ADD CONSTRAINT result_cache_result_hash_check CHECK (result_hash ~ '^[0-9a-f]{64}$');
ALTER TABLE batch_items DROP CONSTRAINT batch_items_input_signature_check,
  ADD CONSTRAINT batch_items_input_signature_check CHECK (input_signature ~ '^[0-9a-f]{64}$');
ALTER TABLE documents DROP CONSTRAINT documents_state_hash_check,
  ADD CONSTRAINT documents_state_hash_check CHECK (state_hash ~ '^[0-9a-f]{64}$');
ALTER TABLE artifact_versions DROP CONSTRAINT artifact_versions_state_hash_check,
  ADD CONSTRAINT artifact_versions_state_hash_check CHECK (state_hash ~ '^[0-9a-f]{64}$'),
  DROP CONSTRAINT artifact_versions_checksum_check,
  ADD CONSTRAINT artifact_versions_checksum_check CHECK (checksum ~ '^sha256:[0-9a-f]{64}$');
ALTER TABLE executions DROP CONSTRAINT executions_state_hash_check,
  ADD CONSTRAINT executions_state_hash_check CHECK (state_hash ~ '^[0-9a-f]{64}$');
ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_request_hash_check,
  ADD CONSTRAINT idempotency_keys_request_hash_check CHECK (request_hash ~ '^[0-9a-f]{64}$');
RESET lock_timeout;
