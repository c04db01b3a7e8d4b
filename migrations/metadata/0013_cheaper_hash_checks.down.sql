-- no transaction
SET lock_timeout = '10s';
ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_request_hash_check,
  ADD CONSTRAINT idempotency_keys_request_hash_check CHECK (request_hash ~ '^[0-9a-f]{64}$');
ALTER TABLE tokens DROP CONSTRAINT tokens_token_hash_check,
  ADD CONSTRAINT tokens_token_hash_check CHECK (token_hash ~ '^[0-9a-f]{64}$');
ALTER TABLE api_keys DROP CONSTRAINT api_keys_key_hash_check,
  ADD CONSTRAINT api_keys_key_hash_check CHECK (key_hash ~ '^[0-9a-f]{64}$');
ALTER TABLE audit_logs DROP CONSTRAINT audit_logs_prev_hash_check,
  ADD CONSTRAINT audit_logs_prev_hash_check CHECK (prev_hash ~ '^[0-9a-f]{64}$'),
  DROP CONSTRAINT audit_logs_hash_check,
  ADD CONSTRAINT audit_logs_hash_check CHECK (hash ~ '^[0-9a-f]{64}$');
ALTER TABLE audit_heads DROP CONSTRAINT audit_heads_hash_check,
  ADD CONSTRAINT audit_heads_hash_check CHECK (hash ~ '^[0-9a-f]{64}$');
RESET lock_timeout;
