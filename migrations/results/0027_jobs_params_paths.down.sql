-- no transaction
DROP INDEX CONCURRENTLY IF EXISTS jobs_params_keys;
CREATE INDEX CONCURRENTLY jobs_params_keys ON jobs USING gin (params);
DROP INDEX CONCURRENTLY IF EXISTS idx_jobs_params_gin;
ALTER INDEX jobs_params_keys RENAME TO idx_jobs_params_gin;
