CREATE TABLE jobs (
  job_id uuid PRIMARY KEY DEFAULT new_id(),
  spec_hash text NOT NULL REFERENCES pipeline_specs,
  pipeline_id uuid,
  pipeline_version_id uuid,
  pipeline_version text NOT NULL,
  status text NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'queued', 'running', 'completed', 'failed', 'cancelled')),
  input_signature text NOT NULL CHECK (input_signature ~ '^[0-9a-f]{64}$'),
  params jsonb NOT NULL CONSTRAINT valid_job_params CHECK (jsonb_typeof(params) = 'object'),
  timings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(timings) = 'object'),
  metrics jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metrics) = 'object'),
  error jsonb CHECK (jsonb_typeof(error) = 'object'),
  priority smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9),
  rank bigint NOT NULL DEFAULT 0 CHECK (rank >= 0),
  seq bigint NOT NULL DEFAULT 0 CHECK (seq >= 0),
  batch_id uuid REFERENCES batch_jobs,
  project_id uuid REFERENCES projects,
  owner_id uuid NOT NULL,
  visibility text NOT NULL DEFAULT 'organization' CHECK (visibility IN ('private', 'organization')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((status = 'failed') = (error IS NOT NULL))
);
CREATE INDEX jobs_spec ON jobs (spec_hash);
CREATE INDEX idx_jobs_status_created ON jobs (status, created_at DESC);
CREATE INDEX jobs_created ON jobs (created_at DESC, job_id DESC);
CREATE INDEX jobs_owner ON jobs (owner_id, created_at DESC);
CREATE INDEX jobs_project ON jobs (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX jobs_batch ON jobs (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX jobs_input_signature ON jobs (input_signature) WHERE status = 'completed';
CREATE INDEX idx_jobs_params_gin ON jobs USING gin (params);
CREATE INDEX idx_jobs_pipeline_version ON jobs (pipeline_version);
CREATE INDEX idx_jobs_priority ON jobs (priority DESC);
CALL finish_table('jobs', 'Runs of pipelines.', $${
  "job_id": "UUIDv7.",
  "spec_hash": "Recipe it runs.",
  "pipeline_id": "Pipeline the recipe was taken from.",
  "pipeline_version_id": "Version the recipe was taken from.",
  "pipeline_version": "Its number.",
  "status": "pending, queued, running, completed, failed or cancelled; steps are checked by a trigger.",
  "input_signature": "SHA-256 over recipe, identity of the inputs and parameters: two jobs with the same one ask the same question.",
  "params": "Confidential: parameters of the run.",
  "timings": "queued_at, started_at, ended_at.",
  "metrics": "wall_seconds, cpu_seconds.",
  "error": "code, message and task of a failed job.",
  "priority": "0 to 9, the higher the sooner, within the organization.",
  "rank": "Its tasks' place in the queue among equals, as the queue was told.",
  "seq": "Raised by every change; also the number of the job's last event.",
  "batch_id": "Batch it belongs to.",
  "project_id": "Project it belongs to.",
  "owner_id": "Who submitted it.",
  "visibility": "organization, or private: its owner and admins."
}$$);
CALL show_to_people('jobs');
CALL join_visible_projects('jobs');
CREATE POLICY jobs_member_new ON jobs AS RESTRICTIVE FOR INSERT TO {member} WITH CHECK (
  status IN ('pending', 'queued', 'completed')
  AND (batch_id IS NULL OR EXISTS (SELECT 1 FROM batch_jobs b WHERE b.batch_id = jobs.batch_id AND may_write(b.owner_id))));
GRANT SELECT, INSERT ON jobs TO {member};
GRANT UPDATE (status, seq, error, timings, metrics) ON jobs TO {member};

CREATE FUNCTION check_job_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF NOT (CASE OLD.status
    WHEN 'pending' THEN NEW.status IN ('queued', 'running', 'failed', 'cancelled', 'completed')
    WHEN 'queued' THEN NEW.status IN ('running', 'pending', 'failed', 'cancelled', 'completed')
    WHEN 'running' THEN NEW.status IN ('completed', 'failed', 'cancelled')
    WHEN 'failed' THEN NEW.status = 'queued'
    ELSE false END)
  THEN
    RAISE EXCEPTION 'a % job can''t become %', OLD.status, NEW.status USING ERRCODE = 'check_violation', CONSTRAINT = 'job_step';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION check_job_step() IS 'Refuses a step that the life of a job does not have; completed and cancelled are ends.';
CREATE TRIGGER jobs_step BEFORE UPDATE OF status ON jobs FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION check_job_step();

CREATE TABLE job_inputs (
  job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
  key text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 200),
  uri text CHECK (char_length(uri) <= 2000),
  content_type text CHECK (char_length(content_type) <= 200),
  size_bytes bigint CHECK (size_bytes > 0),
  checksum text CHECK (checksum ~ '^sha256:[0-9a-f]{64}$'),
  molecule_id uuid REFERENCES molecules,
  structure_id uuid REFERENCES structures,
  site_id uuid REFERENCES binding_sites,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, key),
  CHECK (num_nonnulls(uri, molecule_id, structure_id, site_id) >= 1)
);
CREATE INDEX job_inputs_molecule ON job_inputs (molecule_id);
CREATE INDEX job_inputs_structure ON job_inputs (structure_id);
CREATE INDEX job_inputs_site ON job_inputs (site_id);
CALL finish_table('job_inputs', 'Confidential: what a job was given.', $${
  "job_id": "The job.",
  "key": "Name that the recipe's parameters refer to.",
  "uri": "Where the bytes are, if it is a file.",
  "content_type": "Media type.",
  "size_bytes": "Count of bytes.",
  "checksum": "sha256: and 64 hex digits.",
  "molecule_id": "The species, if it is one.",
  "structure_id": "The structure, if it is one.",
  "site_id": "The binding site, if it is one."
}$$);
CREATE TRIGGER job_inputs_immutable BEFORE UPDATE ON job_inputs FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE job_outputs (
  job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
  key text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 200),
  uri text NOT NULL CHECK (char_length(uri) <= 2000),
  content_type text NOT NULL CHECK (char_length(content_type) <= 200),
  size_bytes bigint NOT NULL CHECK (size_bytes > 0),
  checksum text NOT NULL CHECK (checksum ~ '^sha256:[0-9a-f]{64}$'),
  molecule_id uuid REFERENCES molecules,
  structure_id uuid REFERENCES structures,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, key)
);
CREATE INDEX job_outputs_molecule ON job_outputs (molecule_id);
CREATE INDEX job_outputs_structure ON job_outputs (structure_id);
CALL finish_table('job_outputs', 'Confidential: what a job made.', $${
  "job_id": "The job.",
  "key": "task/file.",
  "uri": "Where the bytes are.",
  "content_type": "Media type.",
  "size_bytes": "Count of bytes.",
  "checksum": "sha256: and 64 hex digits.",
  "molecule_id": "The species, if it shows one.",
  "structure_id": "The structure, if it is one."
}$$);

CREATE POLICY job_inputs_member ON job_inputs FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = job_inputs.job_id));
-- What a job is given is read by workers, who see everything: so a person names only what that person sees.
CREATE POLICY job_inputs_member_insert ON job_inputs FOR INSERT TO {member} WITH CHECK (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = job_inputs.job_id AND may_write(j.owner_id))
  AND (molecule_id IS NULL OR EXISTS (SELECT 1 FROM molecules m WHERE m.molecule_id = job_inputs.molecule_id))
  AND (structure_id IS NULL OR EXISTS (SELECT 1 FROM structures s WHERE s.structure_id = job_inputs.structure_id))
  AND (site_id IS NULL OR EXISTS (SELECT 1 FROM binding_sites b WHERE b.site_id = job_inputs.site_id)));
CREATE POLICY job_outputs_member ON job_outputs FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = job_outputs.job_id));
GRANT SELECT, INSERT ON job_inputs TO {member};
GRANT SELECT ON job_outputs TO {member};
