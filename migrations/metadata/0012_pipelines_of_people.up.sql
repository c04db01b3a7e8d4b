-- People make pipelines: a draft may change, a published version never does.
CREATE POLICY pipelines_member_insert ON pipelines FOR INSERT TO {member} WITH CHECK (
  org_id = (SELECT app_org()) AND created_by = (SELECT app_user()) AND latest_version IS NULL);
CREATE POLICY pipelines_member_update ON pipelines FOR UPDATE TO {member} USING (
  org_id = (SELECT app_org()) AND (created_by = (SELECT app_user()) OR (SELECT app_is_admin())));
CREATE POLICY pipeline_versions_member_insert ON pipeline_versions FOR INSERT TO {member} WITH CHECK (
  NOT published AND created_by = (SELECT app_user())
  AND EXISTS (SELECT 1 FROM pipelines p WHERE p.pipeline_id = pipeline_versions.pipeline_id
    AND p.org_id = (SELECT app_org()) AND (p.created_by = (SELECT app_user()) OR (SELECT app_is_admin()))));
CREATE POLICY pipeline_versions_member_update ON pipeline_versions FOR UPDATE TO {member} USING (
  EXISTS (SELECT 1 FROM pipelines p WHERE p.pipeline_id = pipeline_versions.pipeline_id
    AND p.org_id = (SELECT app_org()) AND (p.created_by = (SELECT app_user()) OR (SELECT app_is_admin()))));
GRANT INSERT (pipeline_id, org_id, name, description, visibility, created_by) ON pipelines TO {member};
GRANT UPDATE (description, visibility, latest_version) ON pipelines TO {member};
GRANT INSERT (pipeline_version_id, pipeline_id, version, spec, published, created_by) ON pipeline_versions TO {member};
GRANT UPDATE (spec, published) ON pipeline_versions TO {member};

CREATE FUNCTION check_latest_version() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pipeline_versions v
    WHERE v.pipeline_id = NEW.pipeline_id AND v.version = NEW.latest_version AND v.published)
  THEN
    RAISE EXCEPTION 'version % of pipeline % is not published', NEW.latest_version, NEW.name
      USING ERRCODE = 'check_violation', CONSTRAINT = 'pipeline_latest_published';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION check_latest_version() IS 'What a job gets when it names no version is a published one.';
CREATE TRIGGER pipelines_latest BEFORE UPDATE OF latest_version ON pipelines FOR EACH ROW
  WHEN (NEW.latest_version IS NOT NULL AND OLD.latest_version IS DISTINCT FROM NEW.latest_version)
  EXECUTE FUNCTION check_latest_version();
