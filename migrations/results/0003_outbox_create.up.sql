CREATE TABLE outbox (
  outbox_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  source_id uuid NOT NULL DEFAULT new_id() UNIQUE,
  topic text NOT NULL CHECK (topic IN ('job', 'task_ready', 'task_gone', 'audit')),
  payload jsonb NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  relayed_at timestamptz
);
CREATE INDEX outbox_pending ON outbox (outbox_id) WHERE relayed_at IS NULL;
CREATE INDEX outbox_relayed ON outbox (relayed_at) WHERE relayed_at IS NOT NULL;
CALL finish_table('outbox', 'Facts on their way to the metadata database, written with the state they tell of. Kept 7 days.', $${
  "outbox_id": "Order of facts.",
  "source_id": "Name of the fact: it is taken once.",
  "topic": "job, task_ready, task_gone or audit.",
  "payload": "The fact; no chemistry.",
  "relayed_at": "When the metadata database had it."
}$$);
CREATE POLICY outbox_member ON outbox FOR INSERT TO {member} WITH CHECK (
  (SELECT in_own_org()) AND (topic <> 'audit' OR payload ->> 'user_id' = (SELECT app_user()::text)));
GRANT INSERT (topic, payload) ON outbox TO {member};

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
  USING ((SELECT in_own_org()) AND principal_id = (SELECT app_user()))
  WITH CHECK ((SELECT in_own_org()) AND principal_id = (SELECT app_user()));
GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO {member};
