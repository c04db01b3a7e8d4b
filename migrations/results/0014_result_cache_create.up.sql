CREATE TABLE result_cache (
  cache_key text PRIMARY KEY,
  signature text NOT NULL CHECK (signature ~ '^[0-9a-f]{64}$'),
  pipeline_version text NOT NULL,
  task_name text NOT NULL,
  canonical_job_id uuid NOT NULL REFERENCES jobs,
  canonical_exec_id uuid NOT NULL REFERENCES task_executions,
  confidence_score double precision NOT NULL CHECK (confidence_score BETWEEN 0 AND 1),
  artifact_map jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(artifact_map) = 'object'),
  metrics_summary jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metrics_summary) = 'object'),
  hit_count bigint NOT NULL DEFAULT 0 CHECK (hit_count >= 0),
  last_used_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  irreproducible_at timestamptz,
  private_to uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT cache_key_is_signature CHECK (cache_key = signature || coalesce(':' || private_to::text, ''))
);
CREATE INDEX result_cache_signature ON result_cache (signature);
CREATE INDEX result_cache_job ON result_cache (canonical_job_id);
CREATE INDEX result_cache_exec ON result_cache (canonical_exec_id);
CREATE INDEX result_cache_expiry ON result_cache (expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX result_cache_used ON result_cache (last_used_at);
CALL finish_table('result_cache', 'Confidential: results that may answer again, by the signature of all that decided them.', $${
  "cache_key": "The signature; for a private entry with its owner, so that it serves nobody else.",
  "signature": "SHA-256 of all that decides the result.",
  "pipeline_version": "Version of the pipeline that ran it.",
  "task_name": "Task that ran it.",
  "canonical_job_id": "Job whose rows and files answer.",
  "canonical_exec_id": "Its execution.",
  "confidence_score": "Weighted share of the named checks that passed; no probability.",
  "artifact_map": "Confidential: output keys and where their bytes are.",
  "metrics_summary": "wall_seconds and cpu_seconds that a hit saves.",
  "hit_count": "How often it answered.",
  "last_used_at": "When it answered last, or was made.",
  "expires_at": "When it answers no more; null: never.",
  "irreproducible_at": "When the same signature gave another result; null: never seen.",
  "private_to": "Owner of a private job; null where the organization may be answered."
}$$);
-- Not even admins: a private entry serves its owner alone.
CREATE POLICY result_cache_member_read ON result_cache FOR SELECT TO {member} USING (
  (SELECT in_own_org()) AND (private_to IS NULL OR private_to = (SELECT app_user())));
CREATE POLICY result_cache_member_update ON result_cache FOR UPDATE TO {member} USING (
  (SELECT in_own_org()) AND (private_to IS NULL OR private_to = (SELECT app_user())));
GRANT SELECT, UPDATE (hit_count, last_used_at) ON result_cache TO {member};
