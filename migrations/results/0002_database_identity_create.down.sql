DROP PROCEDURE show_to_people(regclass);
DROP FUNCTION may_write(uuid);
DROP FUNCTION may_see(uuid, text);
DROP FUNCTION app_is_admin();
DROP FUNCTION in_own_org();
DROP TABLE database_identity;
DROP PROCEDURE show_unless_private(regclass);
