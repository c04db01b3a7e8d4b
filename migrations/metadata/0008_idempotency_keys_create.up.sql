CREATE TABLE idempotency_keys (
  principal_id uuid NOT NULL,
  operation text NOT NULL,
  key text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
  request_hash text NOT NULL CHECK (request_hash ~ '^[0-9a-f]{64}$'),
  answer jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + interval '24 hours',
  PRIMARY KEY (principal_id, operation, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);
CALL finish_table('idempotency_keys', 'Requests that were answered: the same key gets the same answer for 24 hours.', $${
  "principal_id": "Who asked.",
  "operation": "What was asked.",
  "key": "The asker's name for this request.",
  "request_hash": "SHA-256 of the canonical request; another one under the same key is refused.",
  "answer": "What was answered.",
  "expires_at": "When it may be forgotten."
}$$);
CREATE POLICY idempotency_keys_member ON idempotency_keys TO {member}
  USING (principal_id = (SELECT app_user())) WITH CHECK (principal_id = (SELECT app_user()));
GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO {member};
