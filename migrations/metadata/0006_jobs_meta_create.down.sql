DROP TABLE workers;
DROP TABLE task_queue;
DROP TABLE jobs_meta;
