-- A row that an older program can't read would stop its relay. What such rows had not told yet is lost to queue and
-- projection until `aliquot org reindex` makes both again from the jobs; relay first, or reindex after.
DELETE FROM outbox WHERE topic IN ('facts', 'births');
ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_topic_check CHECK (topic IN ('job', 'task_ready', 'task_gone', 'audit'));
COMMENT ON COLUMN outbox.topic IS 'job, task_ready, task_gone or audit.';
