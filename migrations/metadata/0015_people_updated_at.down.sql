DROP TRIGGER membership_roles_taken ON membership_roles;
DROP TRIGGER membership_roles_added ON membership_roles;
DROP FUNCTION touch_member();

DROP TRIGGER role_permissions_taken ON role_permissions;
DROP TRIGGER role_permissions_added ON role_permissions;
DROP FUNCTION touch_role();

DROP TRIGGER memberships_touch ON memberships;
DROP TRIGGER roles_touch ON roles;
ALTER TABLE memberships DROP COLUMN updated_at;
ALTER TABLE roles DROP COLUMN updated_at;
