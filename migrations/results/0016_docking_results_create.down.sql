DROP TABLE docking_results;
