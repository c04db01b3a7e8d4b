DROP INDEX api_keys_created_by;
ALTER TABLE api_keys DROP COLUMN created_by;

CREATE INDEX tokens_parent ON tokens (parent_id);
DROP INDEX tokens_known_address;
DROP INDEX tokens_one_child;
ALTER TABLE tokens
  DROP COLUMN address_tag,
  DROP CONSTRAINT tokens_parent_id_fkey,
  ADD CONSTRAINT tokens_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES tokens ON DELETE CASCADE;

ALTER TABLE users
  DROP CONSTRAINT user_erased,
  DROP CONSTRAINT user_service,
  DROP COLUMN erased_at,
  DROP COLUMN kind;
