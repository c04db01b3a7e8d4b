DROP TABLE org_settings;
DROP TABLE organizations;
DROP FUNCTION check_org_step();
