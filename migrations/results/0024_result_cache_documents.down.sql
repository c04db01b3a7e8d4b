DROP INDEX result_cache_task;
ALTER TABLE result_cache DROP COLUMN source, DROP COLUMN checks_passed, DROP COLUMN result_hash, DROP COLUMN signed_document;
