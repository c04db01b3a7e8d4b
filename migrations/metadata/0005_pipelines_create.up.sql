CREATE TABLE task_definitions (
  task_id uuid PRIMARY KEY DEFAULT new_id(),
  org_id uuid REFERENCES organizations ON DELETE CASCADE,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  version text NOT NULL,
  task_type text NOT NULL
    CHECK (task_type IN ('docking', 'analysis', 'preprocessing', 'postprocessing', 'validation', 'optimization')),
  input_schema jsonb NOT NULL CHECK (jsonb_typeof(input_schema) = 'object'),
  output_schema jsonb NOT NULL CHECK (jsonb_typeof(output_schema) = 'object'),
  config jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(config) = 'object'),
  is_system boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CHECK (is_system = (org_id IS NULL))
);
CREATE UNIQUE INDEX task_definitions_name_key
  ON task_definitions (coalesce(org_id, '00000000-0000-0000-0000-000000000000'), name, version);
CREATE INDEX task_definitions_org ON task_definitions (org_id);
CALL finish_table('task_definitions', 'Kinds of task that a pipeline may name.', $${
  "task_id": "UUIDv7.",
  "org_id": "Whose it is; null: the system's.",
  "name": "As pipelines name it.",
  "version": "Part of every result's signature.",
  "task_type": "docking, analysis, preprocessing, postprocessing, validation or optimization.",
  "input_schema": "JSON Schema of its parameters.",
  "output_schema": "JSON Schema of its result.",
  "config": "Engine, retries and limits.",
  "is_system": "True where it has no organization."
}$$);

CREATE TABLE task_services (
  service_id uuid PRIMARY KEY DEFAULT new_id(),
  name text NOT NULL UNIQUE,
  kind text NOT NULL CHECK (kind IN ('engine', 'external')),
  version text,
  endpoint text,
  config jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(config) = 'object'),
  status text NOT NULL DEFAULT 'unknown' CHECK (status IN ('unknown', 'available', 'missing')),
  last_seen_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CALL finish_table('task_services', 'Engines and external services.', $${
  "service_id": "UUIDv7.",
  "name": "xtb, vina, …",
  "kind": "engine or external.",
  "version": "As a worker last found it.",
  "endpoint": "Address of an external service; null for an engine.",
  "config": "Settings without secrets.",
  "status": "unknown, available or missing, as a worker last said.",
  "last_seen_at": "When a worker last said so."
}$$);

CREATE TABLE pipeline_templates (
  template_id uuid PRIMARY KEY DEFAULT new_id(),
  org_id uuid REFERENCES organizations ON DELETE CASCADE,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  description text NOT NULL DEFAULT '',
  spec jsonb NOT NULL CHECK (jsonb_typeof(spec) = 'object' AND spec ? 'version' AND spec ? 'tasks'),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX pipeline_templates_name_key
  ON pipeline_templates (coalesce(org_id, '00000000-0000-0000-0000-000000000000'), name);
CREATE INDEX pipeline_templates_org ON pipeline_templates (org_id);
CALL finish_table('pipeline_templates', 'Specs to start a pipeline from.', $${
  "template_id": "UUIDv7.",
  "org_id": "Whose it is; null: the system's.",
  "name": "Unique within its organization.",
  "description": "What it is for.",
  "spec": "Graph of tasks."
}$$);

CREATE TABLE pipelines (
  pipeline_id uuid PRIMARY KEY DEFAULT new_id(),
  org_id uuid REFERENCES organizations ON DELETE CASCADE,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
  description text NOT NULL DEFAULT '',
  visibility text NOT NULL DEFAULT 'organization' CHECK (visibility IN ('private', 'organization', 'public')),
  latest_version text,
  created_by uuid REFERENCES users,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX pipelines_name_key ON pipelines (coalesce(org_id, '00000000-0000-0000-0000-000000000000'), name);
CREATE INDEX pipelines_org ON pipelines (org_id);
CREATE INDEX pipelines_created_by ON pipelines (created_by);
CALL finish_table('pipelines', 'Named lines of versions.', $${
  "pipeline_id": "UUIDv7.",
  "org_id": "Whose it is; null: the system's.",
  "name": "Unique within its organization.",
  "description": "What it is for.",
  "visibility": "private: its maker and admins; organization; public: everyone, once published.",
  "latest_version": "Version that a job gets when it names none.",
  "created_by": "Who made it; null: the system."
}$$);

CREATE TABLE pipeline_versions (
  pipeline_version_id uuid PRIMARY KEY DEFAULT new_id(),
  pipeline_id uuid NOT NULL REFERENCES pipelines ON DELETE CASCADE,
  version text NOT NULL CHECK (char_length(version) BETWEEN 1 AND 50),
  spec jsonb NOT NULL
    CONSTRAINT valid_pipeline_spec CHECK (jsonb_typeof(spec) = 'object' AND spec ? 'version' AND spec ? 'tasks'),
  published boolean NOT NULL DEFAULT false,
  created_by uuid REFERENCES users,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (pipeline_id, version)
);
CREATE INDEX pipeline_versions_created_by ON pipeline_versions (created_by);
CREATE INDEX idx_pipeline_spec_gin ON pipeline_versions USING gin (spec);
CALL finish_table('pipeline_versions', 'Graphs of tasks; immutable once published.', $${
  "pipeline_version_id": "UUIDv7.",
  "pipeline_id": "The pipeline.",
  "version": "Unique within the pipeline.",
  "spec": "Graph of tasks.",
  "published": "True: never changes again.",
  "created_by": "Who made it; null: the system."
}$$);

CREATE FUNCTION refuse_published_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION 'pipeline version % is published and never changes: make a new version', OLD.version
    USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION refuse_published_change() IS 'A published pipeline version never changes.';
CREATE TRIGGER pipeline_versions_immutable BEFORE UPDATE ON pipeline_versions
  FOR EACH ROW WHEN (OLD.published) EXECUTE FUNCTION refuse_published_change();

CREATE POLICY task_definitions_member ON task_definitions FOR SELECT TO {member} USING (
  (SELECT app_org()) IS NOT NULL AND (org_id IS NULL OR org_id = (SELECT app_org())));
CREATE POLICY task_services_member ON task_services FOR SELECT TO {member} USING ((SELECT app_org()) IS NOT NULL);
CREATE POLICY pipeline_templates_member ON pipeline_templates FOR SELECT TO {member} USING (
  (SELECT app_org()) IS NOT NULL AND (org_id IS NULL OR org_id = (SELECT app_org())));
CREATE POLICY pipelines_member ON pipelines FOR SELECT TO {member} USING (
  (SELECT app_org()) IS NOT NULL AND (
    org_id IS NULL
    OR (org_id = (SELECT app_org()) AND (visibility <> 'private' OR created_by = (SELECT app_user()) OR (SELECT app_is_admin())))
    OR (visibility = 'public' AND latest_version IS NOT NULL)));
CREATE POLICY pipeline_versions_member ON pipeline_versions FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM pipelines p WHERE p.pipeline_id = pipeline_versions.pipeline_id
    AND (pipeline_versions.published OR p.org_id = (SELECT app_org()))));
GRANT SELECT ON task_definitions, task_services, pipeline_templates, pipelines, pipeline_versions TO {member};
