CREATE TABLE audit_heads (
  chain_id uuid PRIMARY KEY,
  seq bigint NOT NULL CHECK (seq >= 0),
  hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
  created_at timestamptz NOT NULL DEFAULT now()
);
CALL finish_table('audit_heads', 'Last link of each audit chain; its row lock puts appends in order.', $${
  "chain_id": "The organization, or the zero uuid for the system's own chain.",
  "seq": "Of the last row; 0 before the first.",
  "hash": "Of the last row; 64 zeros before the first."
}$$);

CREATE TABLE audit_logs (
  audit_id uuid PRIMARY KEY DEFAULT new_id(),
  chain_id uuid NOT NULL,
  seq bigint NOT NULL CHECK (seq > 0),
  org_id uuid,
  user_id uuid,
  action text NOT NULL CHECK (char_length(action) BETWEEN 1 AND 100),
  entity_type text NOT NULL,
  entity_id text,
  pipeline_id uuid,
  job_id uuid,
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  ts timestamptz NOT NULL,
  source_id uuid NOT NULL UNIQUE,
  prev_hash text NOT NULL CHECK (prev_hash ~ '^[0-9a-f]{64}$'),
  hash text NOT NULL CHECK (hash ~ '^[0-9a-f]{64}$'),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (chain_id, seq),
  CHECK (chain_id = coalesce(org_id, '00000000-0000-0000-0000-000000000000'))
);
CREATE INDEX idx_audit_logs_org_timestamp ON audit_logs (org_id, ts DESC);
CREATE INDEX audit_logs_user ON audit_logs (user_id, ts DESC);
CREATE INDEX audit_logs_job ON audit_logs (job_id) WHERE job_id IS NOT NULL;
CALL finish_table('audit_logs', 'Who did what: append-only, a hash chain per organization and one for the system.', $${
  "audit_id": "UUIDv7.",
  "chain_id": "The organization, or the zero uuid for the system's own chain.",
  "seq": "Place in the chain, dense from 1.",
  "org_id": "Organization it happened in; null: the installation.",
  "user_id": "Who did it; null: the system.",
  "action": "Name of the operation.",
  "entity_type": "Kind of thing it was done to.",
  "entity_id": "Which one.",
  "pipeline_id": "Pipeline concerned.",
  "job_id": "Job concerned.",
  "metadata": "More of it, without structures, results or secrets; whole numbers and text only.",
  "ts": "When it was done, to the millisecond.",
  "source_id": "Of the fact that became this row: a fact is recorded once.",
  "prev_hash": "Hash of the row before; 64 zeros for the first.",
  "hash": "SHA-256 of prev_hash, a line feed and the canonical JSON of the row."
}$$);
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON audit_logs
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
REVOKE INSERT, UPDATE, DELETE ON audit_logs, audit_heads FROM {system};

CREATE FUNCTION append_audit(chain uuid, entries jsonb) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  head audit_heads;
  entry jsonb;
  body text;
  fields jsonb;
  link text;
  added integer := 0;
BEGIN
  -- The role that the transaction took: inside this function current_user is the owner.
  IF current_setting('role') = btrim('{member}', '"') AND chain IS DISTINCT FROM app_org() THEN
    RAISE EXCEPTION 'another organization''s chain' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO audit_heads (chain_id, seq, hash) VALUES (chain, 0, repeat('0', 64)) ON CONFLICT DO NOTHING;
  SELECT * INTO head FROM audit_heads WHERE chain_id = chain FOR UPDATE;
  FOR entry IN SELECT value FROM jsonb_array_elements(entries) WITH ORDINALITY ORDER BY ordinality LOOP
    body := entry #>> '{}';
    fields := body::jsonb;
    IF current_setting('role') = btrim('{member}', '"') AND (fields ->> 'user_id')::uuid IS DISTINCT FROM app_user() THEN
      RAISE EXCEPTION 'another person''s deed' USING ERRCODE = 'insufficient_privilege';
    END IF;
    CONTINUE WHEN EXISTS (SELECT 1 FROM audit_logs WHERE source_id = (fields ->> 'source_id')::uuid);
    link := encode(sha256(convert_to(head.hash || E'\n' || body, 'UTF8')), 'hex');
    INSERT INTO audit_logs (chain_id, seq, org_id, user_id, action, entity_type, entity_id, pipeline_id, job_id,
                            metadata, ts, source_id, prev_hash, hash)
    VALUES (chain, head.seq + 1, (fields ->> 'org_id')::uuid, (fields ->> 'user_id')::uuid, fields ->> 'action',
            fields ->> 'entity_type', fields ->> 'entity_id', (fields ->> 'pipeline_id')::uuid,
            (fields ->> 'job_id')::uuid, fields -> 'metadata', (fields ->> 'ts')::timestamptz,
            (fields ->> 'source_id')::uuid, head.hash, link);
    head.seq := head.seq + 1;
    head.hash := link;
    added := added + 1;
  END LOOP;
  UPDATE audit_heads SET seq = head.seq, hash = head.hash WHERE chain_id = chain;
  RETURN added;
END $$;
COMMENT ON FUNCTION append_audit(uuid, jsonb) IS
  'Appends rows to one chain under its head''s lock. Entries are JSON strings that each hold the canonical JSON of a row; the same source_id is recorded once. Returns how many were new.';
REVOKE EXECUTE ON FUNCTION append_audit(uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION append_audit(uuid, jsonb) TO {system}, {member};

CREATE POLICY audit_logs_member ON audit_logs FOR SELECT TO {member} USING (org_id = (SELECT app_org()));
GRANT SELECT ON audit_logs TO {member};
