DROP TABLE pipeline_specs;
