-- no transaction
-- A bounded repetition makes PostgreSQL build 64 states anew at every match: 17 µs a row and check, also at each UPDATE.
-- The same rule as a length and one class of characters is 1 µs. Each statement alone: a table is locked for a moment
-- only, in the order in which work locks them, and its rows are read under a lock that stops nobody. It may be run again.
SET lock_timeout = '10s';
ALTER TABLE jobs DROP CONSTRAINT jobs_input_signature_check,
  ADD CONSTRAINT jobs_input_signature_check CHECK (octet_length(input_signature) = 64 AND input_signature ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE job_inputs DROP CONSTRAINT job_inputs_checksum_check,
  ADD CONSTRAINT job_inputs_checksum_check CHECK (octet_length(checksum) = 71 AND checksum ~ '^sha256:[0-9a-f]+$') NOT VALID;
ALTER TABLE job_outputs DROP CONSTRAINT job_outputs_checksum_check,
  ADD CONSTRAINT job_outputs_checksum_check CHECK (octet_length(checksum) = 71 AND checksum ~ '^sha256:[0-9a-f]+$') NOT VALID;
ALTER TABLE tasks DROP CONSTRAINT tasks_signature_check,
  ADD CONSTRAINT tasks_signature_check CHECK (octet_length(signature) = 64 AND signature ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE task_executions DROP CONSTRAINT task_executions_signature_check,
  ADD CONSTRAINT task_executions_signature_check CHECK (octet_length(signature) = 64 AND signature ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE structures DROP CONSTRAINT structures_checksum_check,
  ADD CONSTRAINT structures_checksum_check CHECK (octet_length(checksum) = 71 AND checksum ~ '^sha256:[0-9a-f]+$') NOT VALID,
  DROP CONSTRAINT structures_geometry_hash_check,
  ADD CONSTRAINT structures_geometry_hash_check CHECK (octet_length(geometry_hash) = 64 AND geometry_hash ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE protocols DROP CONSTRAINT protocols_params_hash_check,
  ADD CONSTRAINT protocols_params_hash_check CHECK (octet_length(params_hash) = 64 AND params_hash ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE pipeline_specs DROP CONSTRAINT pipeline_specs_spec_hash_check,
  ADD CONSTRAINT pipeline_specs_spec_hash_check CHECK (octet_length(spec_hash) = 64 AND spec_hash ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE calculations DROP CONSTRAINT calculations_xyz_file_hash_check,
  ADD CONSTRAINT calculations_xyz_file_hash_check CHECK (octet_length(xyz_file_hash) = 64 AND xyz_file_hash ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE result_cache DROP CONSTRAINT result_cache_signature_check,
  ADD CONSTRAINT result_cache_signature_check CHECK (octet_length(signature) = 64 AND signature ~ '^[0-9a-f]+$') NOT VALID,
  DROP CONSTRAINT result_cache_result_hash_check,
  ADD CONSTRAINT result_cache_result_hash_check CHECK (octet_length(result_hash) = 64 AND result_hash ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE batch_items DROP CONSTRAINT batch_items_input_signature_check,
  ADD CONSTRAINT batch_items_input_signature_check CHECK (octet_length(input_signature) = 64 AND input_signature ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE documents DROP CONSTRAINT documents_state_hash_check,
  ADD CONSTRAINT documents_state_hash_check CHECK (octet_length(state_hash) = 64 AND state_hash ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE artifact_versions DROP CONSTRAINT artifact_versions_state_hash_check,
  ADD CONSTRAINT artifact_versions_state_hash_check CHECK (octet_length(state_hash) = 64 AND state_hash ~ '^[0-9a-f]+$') NOT VALID,
  DROP CONSTRAINT artifact_versions_checksum_check,
  ADD CONSTRAINT artifact_versions_checksum_check CHECK (octet_length(checksum) = 71 AND checksum ~ '^sha256:[0-9a-f]+$') NOT VALID;
ALTER TABLE executions DROP CONSTRAINT executions_state_hash_check,
  ADD CONSTRAINT executions_state_hash_check CHECK (octet_length(state_hash) = 64 AND state_hash ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_request_hash_check,
  ADD CONSTRAINT idempotency_keys_request_hash_check CHECK (octet_length(request_hash) = 64 AND request_hash ~ '^[0-9a-f]+$') NOT VALID;
ALTER TABLE jobs VALIDATE CONSTRAINT jobs_input_signature_check;
ALTER TABLE job_inputs VALIDATE CONSTRAINT job_inputs_checksum_check;
ALTER TABLE job_outputs VALIDATE CONSTRAINT job_outputs_checksum_check;
ALTER TABLE tasks VALIDATE CONSTRAINT tasks_signature_check;
ALTER TABLE task_executions VALIDATE CONSTRAINT task_executions_signature_check;
ALTER TABLE structures VALIDATE CONSTRAINT structures_checksum_check, VALIDATE CONSTRAINT structures_geometry_hash_check;
ALTER TABLE protocols VALIDATE CONSTRAINT protocols_params_hash_check;
ALTER TABLE pipeline_specs VALIDATE CONSTRAINT pipeline_specs_spec_hash_check;
ALTER TABLE calculations VALIDATE CONSTRAINT calculations_xyz_file_hash_check;
ALTER TABLE result_cache VALIDATE CONSTRAINT result_cache_signature_check, VALIDATE CONSTRAINT result_cache_result_hash_check;
ALTER TABLE batch_items VALIDATE CONSTRAINT batch_items_input_signature_check;
ALTER TABLE documents VALIDATE CONSTRAINT documents_state_hash_check;
ALTER TABLE artifact_versions VALIDATE CONSTRAINT artifact_versions_state_hash_check, VALIDATE CONSTRAINT artifact_versions_checksum_check;
ALTER TABLE executions VALIDATE CONSTRAINT executions_state_hash_check;
ALTER TABLE idempotency_keys VALIDATE CONSTRAINT idempotency_keys_request_hash_check;
RESET lock_timeout;
