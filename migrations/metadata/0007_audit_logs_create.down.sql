DROP FUNCTION append_audit(uuid, jsonb);
DROP TABLE audit_logs;
DROP TABLE audit_heads;
