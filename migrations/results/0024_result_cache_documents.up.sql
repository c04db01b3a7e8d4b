ALTER TABLE result_cache
  ADD COLUMN signed_document jsonb CHECK (jsonb_typeof(signed_document) = 'object'),
  ADD COLUMN result_hash text CHECK (result_hash ~ '^[0-9a-f]{64}$'),
  ADD COLUMN checks_passed integer NOT NULL DEFAULT 0 CHECK (checks_passed >= 0),
  ADD COLUMN source text NOT NULL DEFAULT 'run' CHECK (source IN ('run', 'ingested'));
COMMENT ON COLUMN result_cache.signed_document IS 'Confidential: what the signature was made of.';
COMMENT ON COLUMN result_cache.result_hash IS 'SHA-256 of the numbers that the same signature must give again.';
COMMENT ON COLUMN result_cache.checks_passed IS 'How many of the engine''s named checks passed.';
COMMENT ON COLUMN result_cache.source IS 'run: computed here; ingested: read from files of an earlier run, and replaced by one that was computed.';
CREATE INDEX result_cache_created ON result_cache (created_at);
CREATE INDEX result_cache_task ON result_cache (task_name, created_at DESC);
-- Only entries go by it, never results. An admin takes out what the organization shares; a private one is its owner's alone.
CREATE POLICY result_cache_member_delete ON result_cache FOR DELETE TO {member} USING (
  (SELECT in_own_org()) AND (private_to = (SELECT app_user()) OR (private_to IS NULL AND (SELECT app_is_admin()))));
GRANT DELETE ON result_cache TO {member};

-- What a task was answered by and what it hands on is found by these columns: only those who run it write them.
REVOKE INSERT ON tasks FROM {member};
GRANT INSERT (job_id, task_name, engine, status, depends_left, max_attempts) ON tasks TO {member};
-- A person stops what runs, and says of no attempt that it runs, was lost or is done.
CREATE POLICY task_executions_member_stop ON task_executions AS RESTRICTIVE FOR UPDATE TO {member}
  USING (true) WITH CHECK (status = 'cancelled');

CREATE FUNCTION check_execution_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION 'a % execution can''t become %', OLD.status, NEW.status USING ERRCODE = 'check_violation', CONSTRAINT = 'execution_step';
END $$;
COMMENT ON FUNCTION check_execution_step() IS 'Refuses every step after the end of an attempt.';
CREATE TRIGGER task_executions_step BEFORE UPDATE OF status ON task_executions FOR EACH ROW
  WHEN (OLD.status <> 'running' AND NEW.status IS DISTINCT FROM OLD.status) EXECUTE FUNCTION check_execution_step();
