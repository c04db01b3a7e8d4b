DROP TABLE org_databases;
DROP TABLE database_servers;
