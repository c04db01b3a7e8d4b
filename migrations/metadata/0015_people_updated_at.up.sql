-- Roles and members know when they last changed, in what they may do too: who changes one says which they have read.
ALTER TABLE roles ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE memberships ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN roles.updated_at IS 'When its name or its permissions last changed.';
COMMENT ON COLUMN memberships.updated_at IS 'When the member''s roles last changed.';
CREATE TRIGGER roles_touch BEFORE UPDATE ON roles FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
CREATE TRIGGER memberships_touch BEFORE UPDATE ON memberships FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

CREATE FUNCTION touch_role() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE roles r SET updated_at = DEFAULT WHERE r.role_id IN (SELECT c.role_id FROM changed c);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION touch_role() IS 'What a role may do is a part of it: a change there is a change of the role.';
CREATE TRIGGER role_permissions_added AFTER INSERT ON role_permissions
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_role();
CREATE TRIGGER role_permissions_taken AFTER DELETE ON role_permissions
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_role();

CREATE FUNCTION touch_member() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE memberships m SET updated_at = DEFAULT
    WHERE (m.user_id, m.org_id) IN (SELECT c.user_id, c.org_id FROM changed c);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION touch_member() IS 'A member''s roles are a part of the membership: a change there is a change of it.';
CREATE TRIGGER membership_roles_added AFTER INSERT ON membership_roles
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_member();
CREATE TRIGGER membership_roles_taken AFTER DELETE ON membership_roles
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION touch_member();
