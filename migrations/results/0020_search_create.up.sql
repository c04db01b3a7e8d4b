-- Under row security no index serves LIKE, array or jsonb operators: they are not leakproof, so the policy is
-- applied to every row first. These run as the owner, who has the index, and apply the rule of the row themselves:
-- asking one directly tells no more than the table would.
CREATE FUNCTION search_registrations(name_begins text, has_tag text, of_formula text) RETURNS SETOF uuid
  LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  pattern text := replace(replace(replace(lower(name_begins), '\', '\\'), '%', '\%'), '_', '\_') || '%';
BEGIN
  IF NOT in_own_org() THEN RETURN; END IF;
  RETURN QUERY EXECUTE
    'SELECT r.registration_id FROM registrations r'
    || CASE WHEN of_formula IS NULL THEN '' ELSE ' JOIN molecules m ON m.molecule_id = r.molecule_id AND m.formula = $3' END
    || ' WHERE may_see(r.owner_id, r.visibility)'
    || CASE WHEN name_begins IS NULL THEN '' ELSE ' AND (lower(r.name) LIKE $1 OR lower(r.external_id) LIKE $1)' END
    || CASE WHEN has_tag IS NULL THEN '' ELSE ' AND r.tags @> ARRAY[$2]' END
    USING pattern, has_tag, of_formula;
END $$;
COMMENT ON FUNCTION search_registrations(text, text, text) IS
  'Ids of registrations that the asker may see, whose name or external number begins with the text (whatever the case), that have the tag, of that formula; null asks nothing.';
REVOKE EXECUTE ON FUNCTION search_registrations(text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_registrations(text, text, text) TO {member}, {system};

CREATE FUNCTION search_jobs(with_params jsonb) RETURNS SETOF uuid
  LANGUAGE sql STABLE SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, public, pg_temp
AS $$
  SELECT j.job_id FROM jobs j WHERE j.params @> with_params AND may_see(j.owner_id, j.visibility)
$$;
COMMENT ON FUNCTION search_jobs(jsonb) IS 'Ids of jobs that the asker may see and whose parameters contain these.';
REVOKE EXECUTE ON FUNCTION search_jobs(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION search_jobs(jsonb) TO {member}, {system};
