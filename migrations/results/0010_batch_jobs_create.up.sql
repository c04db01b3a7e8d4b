CREATE TABLE batch_jobs (
  batch_id uuid PRIMARY KEY DEFAULT new_id(),
  spec_hash text NOT NULL REFERENCES pipeline_specs,
  project_id uuid REFERENCES projects,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  params jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(params) = 'object'),
  status text NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'in_progress', 'paused', 'completed', 'failed', 'cancelled')),
  priority smallint NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9),
  total_items integer NOT NULL DEFAULT 0 CHECK (total_items >= 0),
  next_item integer NOT NULL DEFAULT 1 CHECK (next_item > 0),
  error jsonb CHECK (jsonb_typeof(error) = 'object'),
  started_at timestamptz,
  ended_at timestamptz,
  owner_id uuid NOT NULL,
  visibility text NOT NULL DEFAULT 'organization' CHECK (visibility IN ('private', 'organization')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT batch_ended CHECK ((status IN ('completed', 'failed', 'cancelled')) = (ended_at IS NOT NULL))
);
CREATE INDEX batch_jobs_spec ON batch_jobs (spec_hash);
CREATE INDEX batch_jobs_project ON batch_jobs (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX batch_jobs_created ON batch_jobs (created_at DESC, batch_id DESC);
CREATE INDEX batch_jobs_owner ON batch_jobs (owner_id, created_at DESC);
CREATE INDEX batch_jobs_open ON batch_jobs (status) WHERE status IN ('pending', 'in_progress');
CALL finish_table('batch_jobs', 'Confidential: many jobs from one request.', $${
  "batch_id": "UUIDv7.",
  "spec_hash": "Recipe of its jobs.",
  "project_id": "Project it belongs to.",
  "name": "Confidential: what its owner calls it.",
  "params": "Confidential: parameters that all its jobs share.",
  "status": "pending, in_progress, paused, completed (all items ended and at least one completed), failed or cancelled.",
  "priority": "0 to 9, of its jobs.",
  "total_items": "How many items it has.",
  "next_item": "The first item of which no job was made yet: jobs are made in windows.",
  "error": "Why it failed, where it did as a whole.",
  "started_at": "When its first job was made.",
  "ended_at": "When its last item ended.",
  "owner_id": "Who submitted it.",
  "visibility": "organization, or private: its owner and admins."
}$$);
CALL show_to_people('batch_jobs');
CALL join_visible_projects('batch_jobs');
GRANT SELECT, INSERT ON batch_jobs TO {member};
GRANT UPDATE (name, status, total_items, next_item, error, started_at, ended_at) ON batch_jobs TO {member};

CREATE FUNCTION check_batch_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  -- completed and failed open again where their failed items are retried; cancelled never does.
  IF NOT (CASE OLD.status
    WHEN 'pending' THEN NEW.status IN ('in_progress', 'paused', 'completed', 'failed', 'cancelled')
    WHEN 'in_progress' THEN NEW.status IN ('paused', 'completed', 'failed', 'cancelled')
    WHEN 'paused' THEN NEW.status IN ('pending', 'in_progress', 'completed', 'failed', 'cancelled')
    WHEN 'completed' THEN NEW.status = 'in_progress'
    WHEN 'failed' THEN NEW.status = 'in_progress'
    ELSE false END)
  THEN
    RAISE EXCEPTION 'a % batch can''t become %', OLD.status, NEW.status USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_step';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION check_batch_step() IS 'Refuses a step that the life of a batch does not have; cancelled is the end.';
CREATE TRIGGER batch_jobs_step BEFORE UPDATE OF status ON batch_jobs FOR EACH ROW
  WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION check_batch_step();

CREATE TABLE batch_progress (
  batch_id uuid NOT NULL REFERENCES batch_jobs ON DELETE CASCADE,
  slot smallint NOT NULL CHECK (slot BETWEEN 0 AND 15),
  pending bigint NOT NULL DEFAULT 0,
  processing bigint NOT NULL DEFAULT 0,
  completed bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  skipped bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (batch_id, slot)
);
CALL finish_table('batch_progress', 'Counters of a batch in 16 slots, summed on read, so that tasks that end at once do not wait for one row. One slot alone may be negative.', $${
  "batch_id": "The batch.",
  "slot": "0 to 15, by item number.",
  "pending": "Items that wait.",
  "processing": "Items with an open job.",
  "completed": "Items that completed.",
  "failed": "Items that failed.",
  "skipped": "Items that were left out."
}$$);
CREATE POLICY batch_progress_member_read ON batch_progress FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM batch_jobs b WHERE b.batch_id = batch_progress.batch_id));
CREATE POLICY batch_progress_member_insert ON batch_progress FOR INSERT TO {member} WITH CHECK (
  EXISTS (SELECT 1 FROM batch_jobs b WHERE b.batch_id = batch_progress.batch_id AND may_write(b.owner_id)));
CREATE POLICY batch_progress_member_update ON batch_progress FOR UPDATE TO {member} USING (
  EXISTS (SELECT 1 FROM batch_jobs b WHERE b.batch_id = batch_progress.batch_id AND may_write(b.owner_id)));
GRANT SELECT, INSERT ON batch_progress TO {member};
GRANT UPDATE (pending, processing, completed, failed, skipped) ON batch_progress TO {member};
