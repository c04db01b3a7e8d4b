DROP TABLE binding_sites;
