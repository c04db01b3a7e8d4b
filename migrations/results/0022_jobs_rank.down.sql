DROP FUNCTION count_open_tasks(bigint);
DROP FUNCTION next_rank(uuid, text, smallint);
DROP INDEX tasks_waiting_signature;
DROP INDEX jobs_rank;
DROP INDEX jobs_rank_source;
COMMENT ON COLUMN jobs.rank IS 'Its tasks'' place in the queue among equals, as the queue was told.';
ALTER TABLE jobs DROP COLUMN reuse;
