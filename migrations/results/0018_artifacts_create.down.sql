DROP TABLE executions;
DROP TABLE artifact_versions;
DROP TABLE artifacts;
DROP TABLE documents;
