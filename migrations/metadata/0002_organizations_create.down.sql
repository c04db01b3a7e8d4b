DROP TABLE org_settings;
DROP TABLE organizations;
