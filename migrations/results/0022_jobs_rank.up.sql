ALTER TABLE jobs ADD COLUMN reuse boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN jobs.reuse IS 'False: computed anew, whatever the cache knows, and not put off by an identical task that runs.';
COMMENT ON COLUMN jobs.rank IS
  'Place of its tasks in the queue among equals: one more for each job of the same batch, or else of the same person, so that nobody waits behind all of another''s.';

-- A number that a sum with the jobs of a submission still fits into, and that a program reads exactly.
UPDATE jobs SET rank = 4503599627370496 WHERE rank > 4503599627370496;
ALTER TABLE jobs DROP CONSTRAINT jobs_rank_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_rank_check CHECK (rank BETWEEN 0 AND 4503599627370496);
-- Who retries a job, or resumes a batch, puts it behind what others queued meanwhile.
GRANT UPDATE (rank) ON jobs TO {member};
-- A person's task is about to run, and nothing else: one that says it runs is the clock of everybody's ranks.
CREATE POLICY tasks_member_new ON tasks AS RESTRICTIVE FOR INSERT TO {member} WITH CHECK (status IN ('waiting', 'ready'));

CREATE INDEX jobs_rank_source ON jobs (coalesce(batch_id, owner_id), priority, rank) WHERE status = 'queued';
CREATE INDEX jobs_rank ON jobs (priority, rank) WHERE status = 'queued';
CREATE INDEX tasks_waiting_signature ON tasks (signature) WHERE status = 'ready' AND signature IS NOT NULL;

-- Start-time fair queuing (Goyal, Vin, Cheng 1996): a newcomer starts at the start tag of what is in service. No rank
-- is far ahead of the time, whatever rows say that people wrote with SQL of their own: 10^12 ms are 31 years.
CREATE FUNCTION next_rank(source uuid, of_engine text, of_priority smallint) RETURNS bigint
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  clock bigint;
  own bigint;
  epoch_ms bigint := extract(epoch FROM clock_timestamp()) * 1000;
BEGIN
  IF NOT in_own_org() THEN RETURN NULL; END IF;
  SELECT max(j.rank) INTO clock FROM tasks t JOIN jobs j ON j.job_id = t.job_id
    WHERE t.status = 'running' AND t.engine = of_engine AND j.priority = of_priority;
  IF clock IS NULL THEN
    SELECT min(j.rank) INTO clock FROM jobs j WHERE j.status = 'queued' AND j.priority = of_priority;
  END IF;
  SELECT max(j.rank) INTO own FROM jobs j
    WHERE j.status = 'queued' AND j.priority = of_priority AND coalesce(j.batch_id, j.owner_id) = source;
  RETURN least(greatest(coalesce(clock, epoch_ms), own + 1), epoch_ms + 1000000000000);
END $$;
COMMENT ON FUNCTION next_rank(uuid, text, smallint) IS
  'Rank of the next job of a batch or else of a person: no sooner than what runs now, and after what the same one has queued. Tells nothing but a number.';
REVOKE EXECUTE ON FUNCTION next_rank(uuid, text, smallint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION next_rank(uuid, text, smallint) TO {member}, {system};

CREATE FUNCTION count_open_tasks(most bigint) RETURNS bigint
  LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  IF NOT in_own_org() THEN RETURN NULL; END IF;
  RETURN (SELECT count(*) FROM (SELECT FROM tasks t WHERE t.status IN ('waiting', 'ready', 'running') LIMIT most) AS open_tasks);
END $$;
COMMENT ON FUNCTION count_open_tasks(bigint) IS
  'Tasks of the whole organization that wait or run, private ones too, counted no further than asked: for its quota.';
REVOKE EXECUTE ON FUNCTION count_open_tasks(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_open_tasks(bigint) TO {member}, {system};
