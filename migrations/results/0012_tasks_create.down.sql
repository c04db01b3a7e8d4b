DROP TABLE job_events;
DROP FUNCTION ensure_partitions();
DROP TABLE task_results;
DROP TABLE task_executions;
DROP TABLE tasks;
DROP FUNCTION check_task_step();
