DROP POLICY users_member ON users;
DROP TABLE membership_roles;
DROP TABLE memberships;
DROP TABLE role_permissions;
DROP TABLE roles;
DROP TABLE users;
DROP FUNCTION check_role_org();
