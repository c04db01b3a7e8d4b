CREATE TABLE tasks (
  job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
  task_name text NOT NULL CHECK (char_length(task_name) BETWEEN 1 AND 100),
  engine text NOT NULL,
  status text NOT NULL CHECK (status IN ('waiting', 'ready', 'running', 'completed', 'failed', 'cancelled')),
  depends_left integer NOT NULL DEFAULT 0 CHECK (depends_left >= 0),
  attempt integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  max_attempts integer NOT NULL DEFAULT 3 CHECK (max_attempts > 0),
  fence bigint NOT NULL DEFAULT 0 CHECK (fence >= 0),
  available_at timestamptz NOT NULL DEFAULT now(),
  signature text CHECK (signature ~ '^[0-9a-f]{64}$'),
  current_exec_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, task_name),
  CHECK (status <> 'ready' OR depends_left = 0)
);
CREATE INDEX tasks_open ON tasks (status, available_at) WHERE status IN ('waiting', 'ready', 'running');
CALL finish_table('tasks', 'The truth of a task; the queue is only told of it.', $${
  "job_id": "The job.",
  "task_name": "Name in the recipe.",
  "engine": "Program it needs.",
  "status": "waiting, ready, running, completed, failed or cancelled; steps are checked by a trigger.",
  "depends_left": "Tasks that must complete before it.",
  "attempt": "Executions started.",
  "max_attempts": "Executions at most.",
  "fence": "Of the last claim that started it; never goes down.",
  "available_at": "Not before this (back-off).",
  "signature": "SHA-256 of all that decides its result.",
  "current_exec_id": "The execution that runs or ran last."
}$$);

CREATE FUNCTION check_task_step() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  IF NEW.fence < OLD.fence THEN
    RAISE EXCEPTION 'the fence of task % went down', OLD.task_name USING ERRCODE = 'check_violation', CONSTRAINT = 'task_fence';
  END IF;
  IF OLD.status IS DISTINCT FROM NEW.status AND NOT (CASE OLD.status
    WHEN 'waiting' THEN NEW.status IN ('ready', 'cancelled')
    WHEN 'ready' THEN NEW.status IN ('running', 'completed', 'failed', 'cancelled')
    WHEN 'running' THEN NEW.status IN ('ready', 'completed', 'failed', 'cancelled')
    WHEN 'failed' THEN NEW.status IN ('ready', 'waiting')
    ELSE false END)
  THEN
    RAISE EXCEPTION 'a % task can''t become %', OLD.status, NEW.status USING ERRCODE = 'check_violation', CONSTRAINT = 'task_step';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION check_task_step() IS 'Refuses a step that the life of a task does not have, and a fence that goes down.';
CREATE TRIGGER tasks_step BEFORE UPDATE ON tasks FOR EACH ROW EXECUTE FUNCTION check_task_step();

CREATE TABLE task_executions (
  exec_id uuid PRIMARY KEY DEFAULT new_id(),
  job_id uuid NOT NULL,
  task_name text NOT NULL,
  attempt integer NOT NULL CHECK (attempt > 0),
  status text NOT NULL CHECK (status IN ('running', 'completed', 'failed', 'lost', 'cancelled')),
  fence bigint NOT NULL,
  worker_id uuid,
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  retries integer NOT NULL DEFAULT 0 CHECK (retries >= 0),
  error_kind text,
  error jsonb CHECK (jsonb_typeof(error) = 'object'),
  logs_uri text,
  cached_from uuid REFERENCES task_executions,
  signature text CHECK (signature ~ '^[0-9a-f]{64}$'),
  private_to uuid,
  cpu_seconds double precision CHECK (cpu_seconds >= 0 AND cpu_seconds < 'infinity'),
  wall_seconds double precision CHECK (wall_seconds >= 0 AND wall_seconds < 'infinity'),
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (job_id, task_name, attempt),
  FOREIGN KEY (job_id, task_name) REFERENCES tasks ON DELETE CASCADE,
  CHECK ((status = 'running') = (ended_at IS NULL))
);
CREATE INDEX task_executions_signature ON task_executions (signature) WHERE status = 'completed';
CREATE INDEX task_executions_cached_from ON task_executions (cached_from) WHERE cached_from IS NOT NULL;
CREATE UNIQUE INDEX task_executions_in_flight ON task_executions
  (signature, coalesce(private_to, '00000000-0000-0000-0000-000000000000')) WHERE status = 'running';
CREATE UNIQUE INDEX task_executions_one_running ON task_executions (job_id, task_name) WHERE status = 'running';
CALL finish_table('task_executions', 'Attempts at tasks: one row each, kept.', $${
  "exec_id": "UUIDv7.",
  "job_id": "The job.",
  "task_name": "The task.",
  "attempt": "From 1.",
  "status": "running, completed, failed, lost (its worker vanished) or cancelled.",
  "fence": "Of the claim that started it.",
  "worker_id": "Worker that ran it.",
  "started_at": "When it started.",
  "ended_at": "When it ended.",
  "retries": "Attempts before it.",
  "error_kind": "Kind of its error.",
  "error": "Code and message of its error.",
  "logs_uri": "Confidential: the program's output, compressed.",
  "cached_from": "Execution whose results it took over.",
  "signature": "SHA-256 of all that decides its result; null where the cache was not to be used.",
  "private_to": "Owner of a private job; null where the organization may see it.",
  "cpu_seconds": "CPU time of the program in s.",
  "wall_seconds": "Time the program ran in s."
}$$);

CREATE TABLE task_results (
  result_id uuid PRIMARY KEY DEFAULT new_id(),
  exec_id uuid NOT NULL UNIQUE REFERENCES task_executions ON DELETE CASCADE,
  job_id uuid NOT NULL,
  task_name text NOT NULL,
  service_name text NOT NULL,
  schema_version text NOT NULL,
  confidence_score double precision NOT NULL CHECK (confidence_score BETWEEN 0 AND 1),
  checks jsonb NOT NULL CHECK (jsonb_typeof(checks) = 'array'),
  result_data jsonb NOT NULL CHECK (jsonb_typeof(result_data) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (job_id, task_name) REFERENCES tasks ON DELETE CASCADE
);
CREATE INDEX task_results_task ON task_results (job_id, task_name);
CALL finish_table('task_results', 'Confidential: what an execution found.', $${
  "result_id": "UUIDv7.",
  "exec_id": "The execution.",
  "job_id": "The job.",
  "task_name": "The task.",
  "service_name": "Program that found it.",
  "schema_version": "Of result_data.",
  "confidence_score": "Weighted share of the named checks that passed; no probability.",
  "checks": "Name, weight and outcome of each check.",
  "result_data": "Confidential: summary of the result."
}$$);

CREATE TRIGGER task_results_immutable BEFORE UPDATE ON task_results FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE job_events (
  job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
  seq_no bigint NOT NULL CHECK (seq_no > 0),
  ts timestamptz NOT NULL DEFAULT now(),
  event text NOT NULL CHECK (char_length(event) BETWEEN 1 AND 100),
  detail text,
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (job_id, seq_no, ts)
) PARTITION BY RANGE (ts);
CREATE INDEX idx_job_events_job_timestamp ON job_events (job_id, ts DESC);
CREATE TABLE job_events_default PARTITION OF job_events DEFAULT;
CALL finish_table('job_events', 'Every step of a job, by month.', $${
  "job_id": "The job.",
  "seq_no": "Dense from 1 within the job.",
  "ts": "When it happened.",
  "event": "submitted, queued, started, completed, retried, failed, cancelled, lost, …",
  "detail": "In words.",
  "metadata": "Task, attempt, worker, code."
}$$);

CREATE TRIGGER job_events_append_only BEFORE UPDATE ON job_events FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION ensure_partitions() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = public, pg_temp -- the first schema is where tables are made
  SET lock_timeout = '5s' -- who waits for a table makes all others wait behind it
AS $$
DECLARE
  this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
  first timestamptz;
  part text;
  made integer := 0;
BEGIN
  -- This month and the next two, and every month of which rows wait in the default partition: put back from
  -- a backup, or written while nobody made partitions. A clock that was years ahead makes no tables.
  FOR first IN
    SELECT m AT TIME ZONE 'UTC' FROM (
      SELECT this_month + make_interval(months => ahead) AS m FROM generate_series(0, 2) AS ahead
      UNION SELECT date_trunc('month', ts AT TIME ZONE 'UTC') FROM job_events_default) AS months
    WHERE m <= this_month + interval '12 months' ORDER BY m
  LOOP
    part := 'job_events_' || to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
    CONTINUE WHEN to_regclass('public.' || part) IS NOT NULL;
    IF made = 0 THEN
      PERFORM pg_advisory_xact_lock(hashtext('aliquot.partitions'));
      -- In the order of every writer: the job, then its events. Taken the other way round they met in a deadlock.
      LOCK TABLE jobs IN SHARE ROW EXCLUSIVE MODE;
      LOCK TABLE job_events_default IN ACCESS EXCLUSIVE MODE;
      CONTINUE WHEN to_regclass('public.' || part) IS NOT NULL; -- another one made it meanwhile
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE job_events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
    EXECUTE format('WITH moved AS (DELETE FROM job_events_default WHERE ts >= %L AND ts < %L RETURNING *) INSERT INTO %I SELECT * FROM moved',
      first, (first AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC', part);
    EXECUTE format('ALTER TABLE job_events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
      part, first, (first AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC');
    made := made + 1;
  END LOOP;
  RETURN made;
END $$;
COMMENT ON FUNCTION ensure_partitions() IS
  'Makes the partitions of this month, the next two, and every month of which rows wait in the default one, and moves those rows. Returns how many were new.';
REVOKE EXECUTE ON FUNCTION ensure_partitions() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_partitions() TO {system}, {member};

CREATE POLICY tasks_member ON tasks FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = tasks.job_id));
CREATE POLICY tasks_member_insert ON tasks FOR INSERT TO {member} WITH CHECK (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = tasks.job_id AND may_write(j.owner_id)));
CREATE POLICY tasks_member_update ON tasks FOR UPDATE TO {member} USING (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = tasks.job_id AND may_write(j.owner_id)));
CREATE POLICY task_executions_member ON task_executions FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = task_executions.job_id));
CREATE POLICY task_executions_member_update ON task_executions FOR UPDATE TO {member} USING (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = task_executions.job_id AND may_write(j.owner_id)));
CREATE POLICY task_results_member ON task_results FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = task_results.job_id));
CREATE POLICY job_events_member ON job_events FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = job_events.job_id));
CREATE POLICY job_events_member_insert ON job_events FOR INSERT TO {member} WITH CHECK (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = job_events.job_id AND may_write(j.owner_id)));
GRANT SELECT, INSERT ON tasks TO {member};
GRANT UPDATE (status, available_at, max_attempts) ON tasks TO {member};
GRANT SELECT, UPDATE (status, ended_at) ON task_executions TO {member};
GRANT SELECT ON task_results TO {member};
GRANT SELECT, INSERT ON job_events TO {member};
