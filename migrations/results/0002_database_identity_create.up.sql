CREATE TABLE database_identity (
  singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
  org_id uuid NOT NULL,
  generation bigint NOT NULL CHECK (generation > 0),
  created_at timestamptz NOT NULL DEFAULT now()
);
CALL finish_table('database_identity', 'One row: whose database this is. Checked when a pool opens.', $${
  "singleton": "Always true: there is one row.",
  "org_id": "The organization.",
  "generation": "Must equal the directory's."
}$$);
CREATE POLICY database_identity_member ON database_identity FOR SELECT TO {member} USING (true);
GRANT SELECT ON database_identity TO {member};
-- Said once, when the database is made; a restore, which runs as the owner, raises the generation.
REVOKE UPDATE, DELETE ON database_identity FROM {system};

CREATE FUNCTION in_own_org() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, public, pg_temp AS $$
  SELECT coalesce((SELECT i.org_id = app_org() FROM database_identity i), false)
$$;
COMMENT ON FUNCTION in_own_org() IS 'True where the transaction''s organization is the one this database belongs to: unset means no rows.';

CREATE FUNCTION app_is_admin() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT coalesce(current_setting('app.is_org_admin', true) = 'on', false)
$$;
COMMENT ON FUNCTION app_is_admin() IS 'True for owner and admins of the organization, who see private rows.';

CREATE FUNCTION may_see(row_owner uuid, row_visibility text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT (SELECT in_own_org()) AND (row_visibility <> 'private' OR row_owner = (SELECT app_user()) OR (SELECT app_is_admin()))
$$;
COMMENT ON FUNCTION may_see(uuid, text) IS 'The rule of every row with an owner: its owner, and the organization unless it is private (owner and admins).';

CREATE FUNCTION may_write(row_owner uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT (SELECT in_own_org()) AND (row_owner = (SELECT app_user()) OR (SELECT app_is_admin()))
$$;
COMMENT ON FUNCTION may_write(uuid) IS 'Who may make or change a row: its owner and the organization''s admins.';

CREATE PROCEDURE show_to_people(target regclass) LANGUAGE plpgsql AS $$
DECLARE
  own text := '((SELECT in_own_org()) AND (owner_id = (SELECT app_user()) OR (SELECT app_is_admin())))';
  seen text := '((SELECT in_own_org()) AND (visibility <> ''private'' OR owner_id = (SELECT app_user()) OR (SELECT app_is_admin())))';
BEGIN
  EXECUTE format('CREATE POLICY %I ON %s FOR SELECT TO {member} USING %s', target || '_member_read', target, seen);
  EXECUTE format('CREATE POLICY %I ON %s FOR INSERT TO {member} WITH CHECK %s', target || '_member_insert', target, own);
  EXECUTE format('CREATE POLICY %I ON %s FOR UPDATE TO {member} USING %s WITH CHECK %s', target || '_member_update', target, own, own);
  EXECUTE format('CREATE POLICY %I ON %s FOR DELETE TO {member} USING %s', target || '_member_delete', target, own);
END $$;
REVOKE EXECUTE ON PROCEDURE show_to_people(regclass) FROM PUBLIC;
COMMENT ON PROCEDURE show_to_people(regclass) IS
  'Policies of a table with owner_id and visibility: may_see() to read, may_write() to make or change. Written out as one-time sub-selects, because PostgreSQL does not inline a function that has them and would call it for every row. What a member may do at all is a matter of grants.';

CREATE PROCEDURE show_unless_private(target regclass) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE POLICY %I ON %s FOR SELECT TO {member} USING ((SELECT in_own_org())
    AND (private_to IS NULL OR private_to = (SELECT app_user()) OR (SELECT app_is_admin())))', target || '_member_read', target);
END $$;
REVOKE EXECUTE ON PROCEDURE show_unless_private(regclass) FROM PUBLIC;
COMMENT ON PROCEDURE show_unless_private(regclass) IS
  'Read policy of a table that is searched on its own and carries private_to: the organization sees a row unless it is private, then its owner and admins do.';
