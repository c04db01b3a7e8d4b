DROP TABLE pipeline_versions;
DROP FUNCTION refuse_published_change();
DROP TABLE pipelines;
DROP TABLE pipeline_templates;
DROP TABLE task_services;
DROP TABLE task_definitions;
