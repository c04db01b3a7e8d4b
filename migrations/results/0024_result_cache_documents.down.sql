REVOKE DELETE ON result_cache FROM {member};
DROP POLICY result_cache_member_delete ON result_cache;
DROP INDEX result_cache_task;
ALTER TABLE result_cache DROP COLUMN source, DROP COLUMN checks_passed, DROP COLUMN result_hash, DROP COLUMN signed_document;
