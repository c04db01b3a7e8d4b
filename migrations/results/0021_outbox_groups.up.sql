-- breaking
-- One row tells what one transaction did, or of the birth of up to a thousand jobs: a row a fact cost more than the fact.
ALTER TABLE outbox DROP CONSTRAINT outbox_topic_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_topic_check
  CHECK (topic IN ('job', 'task_ready', 'task_gone', 'audit', 'facts', 'births'));
COMMENT ON COLUMN outbox.topic IS
  'job, task_ready, task_gone or audit; facts: several of the first three, in their order; births: jobs of one recipe that are ready at once.';
