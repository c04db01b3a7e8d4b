-- People and service accounts, tombstones of who was erased, sessions that know where they were begun, keys that know who made them.
ALTER TABLE users
  ADD COLUMN kind text NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'service')),
  ADD COLUMN erased_at timestamptz,
  ADD CONSTRAINT user_service CHECK (kind = 'person' OR (hashed_password IS NULL AND NOT is_admin)),
  ADD CONSTRAINT user_erased CHECK (erased_at IS NULL OR (NOT enabled AND hashed_password IS NULL AND NOT is_admin AND last_login_at IS NULL));
COMMENT ON COLUMN users.kind IS 'person, or service: an account of programs, which signs in with keys alone.';
COMMENT ON COLUMN users.erased_at IS 'When the person was erased: name and address are a tombstone''s, and the row stays for what refers to it.';
GRANT SELECT (kind, erased_at) ON users TO {member};

-- A session is a family of refresh tokens, one after the other. Those that ended may go before their successors.
ALTER TABLE tokens
  ADD COLUMN address_tag text CHECK (octet_length(address_tag) = 32 AND address_tag ~ '^[0-9a-f]+$'),
  DROP CONSTRAINT tokens_parent_id_fkey,
  ADD CONSTRAINT tokens_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES tokens ON DELETE SET NULL;
COMMENT ON COLUMN tokens.address_tag IS 'Confidential: keyed hash of the person and the network that a session was begun from, which no address can be read from; null of tokens that began none.';
CREATE UNIQUE INDEX tokens_one_child ON tokens (parent_id) WHERE parent_id IS NOT NULL;
COMMENT ON INDEX tokens_one_child IS 'A refresh token is replaced by one other.';
DROP INDEX tokens_parent;
CREATE INDEX tokens_known_address ON tokens (user_id, address_tag) WHERE address_tag IS NOT NULL;

ALTER TABLE api_keys ADD COLUMN created_by uuid REFERENCES users;
CREATE INDEX api_keys_created_by ON api_keys (created_by);
COMMENT ON COLUMN api_keys.created_by IS 'Who made it: of a service account''s key another than its owner.';
GRANT SELECT (created_by) ON api_keys TO {member};
