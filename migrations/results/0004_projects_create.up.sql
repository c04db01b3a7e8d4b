CREATE TABLE projects (
  project_id uuid PRIMARY KEY DEFAULT new_id(),
  owner_id uuid NOT NULL,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200 AND name = btrim(name)),
  description text NOT NULL DEFAULT '' CHECK (char_length(description) <= 10000),
  is_archived boolean NOT NULL DEFAULT false,
  visibility text NOT NULL DEFAULT 'organization' CHECK (visibility IN ('private', 'organization')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
-- Unique within its owner's: a name that is taken must not tell of a colleague's private project.
CREATE UNIQUE INDEX projects_name_key ON projects (owner_id, lower(name));
CREATE INDEX projects_created ON projects (created_at DESC, project_id DESC);
CALL finish_table('projects', 'Confidential: what people work on; molecules, jobs and artifacts may belong to one.', $${
  "project_id": "UUIDv7.",
  "owner_id": "Who made it.",
  "name": "Confidential: unique within its owner's, whatever the case.",
  "description": "Confidential: what it is about.",
  "is_archived": "True: kept, and out of lists by default.",
  "visibility": "organization, or private: its owner and admins."
}$$);
CALL show_to_people('projects');
GRANT SELECT, INSERT ON projects TO {member};
GRANT UPDATE (name, description, is_archived, visibility) ON projects TO {member};

CREATE FUNCTION check_project() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM projects p WHERE p.project_id = NEW.project_id) THEN
    RAISE EXCEPTION 'no such project' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION check_project() IS 'A row is put into a project that one sees. Not asked of a row that stays where it is: a project may become private.';

CREATE PROCEDURE join_visible_projects(target regclass) LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('CREATE POLICY %I ON %s AS RESTRICTIVE FOR INSERT TO {member} WITH CHECK (
    project_id IS NULL OR EXISTS (SELECT 1 FROM projects p WHERE p.project_id = %s.project_id))', target || '_project', target, target);
  EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OF project_id ON %s FOR EACH ROW
    WHEN (NEW.project_id IS NOT NULL AND NEW.project_id IS DISTINCT FROM OLD.project_id) EXECUTE FUNCTION check_project()', target || '_project', target);
END $$;
REVOKE EXECUTE ON PROCEDURE join_visible_projects(regclass) FROM PUBLIC;
COMMENT ON PROCEDURE join_visible_projects(regclass) IS
  'Policy and trigger of a table with project_id: people put their rows into projects that they can see, not into a colleague''s private one.';
