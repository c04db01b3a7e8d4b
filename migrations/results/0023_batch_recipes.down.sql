ALTER TABLE batch_items DROP COLUMN input_signature, DROP COLUMN params, DROP COLUMN input_key;
ALTER TABLE batch_jobs DROP COLUMN sealed_at, DROP COLUMN reuse, DROP COLUMN inputs;
