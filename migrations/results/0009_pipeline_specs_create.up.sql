CREATE TABLE pipeline_specs (
  spec_hash text PRIMARY KEY CHECK (spec_hash ~ '^[0-9a-f]{64}$'),
  pipeline_id uuid,
  pipeline_version_id uuid,
  name text NOT NULL,
  version text NOT NULL,
  spec jsonb NOT NULL CHECK (jsonb_typeof(spec) = 'object' AND spec ? 'version' AND spec ? 'tasks'),
  created_at timestamptz NOT NULL DEFAULT now()
);
CALL finish_table('pipeline_specs', 'Recipes of the jobs here: a job can be read without the metadata database.', $${
  "spec_hash": "SHA-256 of the canonical spec.",
  "pipeline_id": "Pipeline it was taken from.",
  "pipeline_version_id": "Version it was taken from.",
  "name": "Name of the pipeline.",
  "version": "Version of the pipeline.",
  "spec": "Graph of tasks."
}$$);
CREATE POLICY pipeline_specs_member ON pipeline_specs FOR SELECT TO {member} USING ((SELECT in_own_org()));
CREATE POLICY pipeline_specs_member_insert ON pipeline_specs FOR INSERT TO {member} WITH CHECK ((SELECT in_own_org()));
GRANT SELECT, INSERT ON pipeline_specs TO {member};

CREATE TRIGGER pipeline_specs_immutable BEFORE UPDATE ON pipeline_specs FOR EACH ROW EXECUTE FUNCTION refuse_change();
