DROP TRIGGER pipelines_latest ON pipelines;
DROP FUNCTION check_latest_version();
REVOKE INSERT (pipeline_version_id, pipeline_id, version, spec, published, created_by), UPDATE (spec, published) ON pipeline_versions FROM {member};
REVOKE INSERT (pipeline_id, org_id, name, description, visibility, created_by), UPDATE (description, visibility, latest_version) ON pipelines FROM {member};
DROP POLICY pipeline_versions_member_update ON pipeline_versions;
DROP POLICY pipeline_versions_member_insert ON pipeline_versions;
DROP POLICY pipelines_member_update ON pipelines;
DROP POLICY pipelines_member_insert ON pipelines;
