CREATE TABLE jobs_meta (
  job_id uuid NOT NULL,
  org_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  pipeline_id uuid,
  pipeline_version_id uuid,
  submitted_by uuid NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'queued', 'running', 'completed', 'failed', 'cancelled')),
  priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
  generation bigint NOT NULL,
  last_seq bigint NOT NULL,
  private_to uuid,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  -- With the organization: one that was restored beside its original has the same jobs.
  PRIMARY KEY (org_id, job_id)
);
CREATE INDEX idx_jobs_meta_org_status ON jobs_meta (org_id, status, created_at DESC);
CREATE INDEX jobs_meta_submitted_by ON jobs_meta (submitted_by);
CALL finish_table('jobs_meta', 'Projection of every organization''s jobs; can be rebuilt at any time. No keys to people or pipelines: a fact is taken as it comes.', $${
  "job_id": "The job, as in its results database.",
  "org_id": "Whose job.",
  "pipeline_id": "Pipeline it runs.",
  "pipeline_version_id": "Version it runs.",
  "submitted_by": "Who submitted it.",
  "status": "As in the results database, at most seconds ago.",
  "priority": "0 to 9.",
  "generation": "Of the results database that said so.",
  "last_seq": "Of the fact that was projected last; older facts change nothing.",
  "private_to": "Owner of a private job; null where the organization may see it.",
  "created_at": "When the job was made.",
  "updated_at": "When the job last changed."
}$$);
DROP TRIGGER jobs_meta_touch ON jobs_meta;
CREATE POLICY jobs_meta_org_isolation ON jobs_meta FOR SELECT TO {member} USING (
  org_id = (SELECT app_org()) AND (private_to IS NULL OR private_to = (SELECT app_user()) OR (SELECT app_is_admin())));
GRANT SELECT ON jobs_meta TO {member};

CREATE TABLE task_queue (
  org_id uuid NOT NULL REFERENCES organizations ON DELETE CASCADE,
  job_id uuid NOT NULL,
  task_name text NOT NULL,
  generation bigint NOT NULL,
  engine text NOT NULL,
  priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
  rank bigint NOT NULL,
  available_at timestamptz NOT NULL,
  lease_owner uuid,
  lease_expires_at timestamptz,
  fence bigint NOT NULL CHECK (fence >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, job_id, task_name),
  CHECK ((lease_owner IS NULL) = (lease_expires_at IS NULL))
);
CREATE INDEX task_queue_claim ON task_queue (engine, org_id, priority DESC, rank) WHERE lease_owner IS NULL;
CREATE INDEX task_queue_next ON task_queue (engine, priority DESC, rank) WHERE lease_owner IS NULL;
CREATE INDEX task_queue_leases ON task_queue (lease_expires_at) WHERE lease_owner IS NOT NULL;
CREATE INDEX task_queue_owner ON task_queue (lease_owner) WHERE lease_owner IS NOT NULL;
CALL finish_table('task_queue', 'Tasks that may be claimed or are leased. The truth of a task is in its results database; no chemistry here.', $${
  "org_id": "Whose task.",
  "job_id": "Its job.",
  "task_name": "Its name in the job.",
  "generation": "Of the results database that said so.",
  "engine": "Program it needs.",
  "priority": "0 to 9, the higher the sooner, within an organization.",
  "rank": "Order among equals; advances per submitter, so that a large batch starves nobody.",
  "available_at": "Not before this.",
  "lease_owner": "Worker that holds it.",
  "lease_expires_at": "When it is given back unless renewed.",
  "fence": "Raised by every claim; a stale holder's writes change nothing."
}$$);

CREATE TABLE workers (
  worker_id uuid PRIMARY KEY,
  host text NOT NULL,
  pid integer NOT NULL,
  version text NOT NULL,
  engines text[] NOT NULL,
  slots integer NOT NULL CHECK (slots > 0),
  draining boolean NOT NULL DEFAULT false,
  started_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX workers_seen ON workers (last_seen_at);
CALL finish_table('workers', 'Worker processes that announced themselves.', $${
  "worker_id": "UUIDv7, new at every start.",
  "host": "Machine it runs on.",
  "pid": "Process id there.",
  "version": "Of Aliquot.",
  "engines": "Programs it found.",
  "slots": "Engine runs at once.",
  "draining": "True: finishes what it has and takes no more.",
  "started_at": "When it started.",
  "last_seen_at": "Last heartbeat."
}$$);
