DROP TABLE batch_progress;
DROP TABLE batch_jobs;
DROP FUNCTION check_batch_step();
