DROP TABLE job_outputs;
DROP TABLE job_inputs;
DROP TABLE jobs;
DROP FUNCTION check_job_step();
