DROP TABLE org_databases;
DROP TABLE database_servers;
DROP FUNCTION check_org_database_step();
