CREATE TABLE datasets (
  dataset_id uuid PRIMARY KEY DEFAULT new_id(),
  project_id uuid REFERENCES projects,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200 AND name = btrim(name)),
  version integer NOT NULL DEFAULT 1 CHECK (version > 0),
  description text NOT NULL DEFAULT '' CHECK (char_length(description) <= 10000),
  query jsonb NOT NULL CHECK (jsonb_typeof(query) = 'object'),
  split jsonb NOT NULL CHECK (jsonb_typeof(split) = 'object'),
  counts jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(counts) = 'object'),
  exclusions jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(exclusions) = 'object'),
  checksums jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(checksums) = 'object'),
  owner_id uuid NOT NULL,
  visibility text NOT NULL DEFAULT 'organization' CHECK (visibility IN ('private', 'organization')),
  frozen_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX datasets_name_key ON datasets (owner_id, lower(name), version);
CREATE INDEX datasets_project ON datasets (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX datasets_created ON datasets (created_at DESC, dataset_id DESC);
CALL finish_table('datasets', 'Confidential: frozen snapshots for learning.', $${
  "dataset_id": "UUIDv7.",
  "project_id": "Project it belongs to.",
  "name": "Confidential: what its owner calls it.",
  "version": "From 1 within its owner's name.",
  "description": "Confidential: what it is for.",
  "query": "What was asked for.",
  "split": "How it was split: groups, shares, seed.",
  "counts": "Members by split.",
  "exclusions": "What was left out, counted by reason.",
  "checksums": "SHA-256 of what an export gives, by format.",
  "owner_id": "Whose it is.",
  "visibility": "organization, or private: its owner and admins.",
  "frozen_at": "When it was complete; it never changes after that."
}$$);
CALL show_to_people('datasets');
CALL join_visible_projects('datasets');
GRANT SELECT, INSERT, DELETE ON datasets TO {member};
GRANT UPDATE (project_id, description, counts, exclusions, checksums, visibility, frozen_at) ON datasets TO {member};

CREATE FUNCTION refuse_frozen_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION 'dataset % is frozen and never changes: make a new version', OLD.name USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION refuse_frozen_change() IS 'A frozen dataset never changes.';
CREATE TRIGGER datasets_frozen BEFORE UPDATE OF name, version, query, split, counts, exclusions, frozen_at ON datasets
  FOR EACH ROW WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION refuse_frozen_change();
-- An export in another format may be added; what one gave stays.
CREATE TRIGGER datasets_frozen_checksums BEFORE UPDATE OF checksums ON datasets
  FOR EACH ROW WHEN (OLD.frozen_at IS NOT NULL AND NOT NEW.checksums @> OLD.checksums) EXECUTE FUNCTION refuse_frozen_change();

CREATE TABLE dataset_members (
  dataset_id uuid NOT NULL REFERENCES datasets ON DELETE CASCADE,
  member_no integer NOT NULL CHECK (member_no > 0),
  molecule_id uuid NOT NULL REFERENCES molecules,
  calculation_id uuid REFERENCES calculations,
  result_id uuid REFERENCES docking_results,
  split text NOT NULL CHECK (split IN ('train', 'validation', 'test')),
  group_key text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (dataset_id, member_no),
  CONSTRAINT dataset_member_is_one_thing CHECK (num_nonnulls(calculation_id, result_id) <= 1)
);
CREATE INDEX dataset_members_molecule ON dataset_members (molecule_id);
CREATE INDEX dataset_members_calculation ON dataset_members (calculation_id) WHERE calculation_id IS NOT NULL;
CREATE INDEX dataset_members_result ON dataset_members (result_id) WHERE result_id IS NOT NULL;
CREATE INDEX dataset_members_split ON dataset_members (dataset_id, split, member_no);
CALL finish_table('dataset_members', 'Confidential: what is in a dataset, in the order of its exports.', $${
  "dataset_id": "The dataset.",
  "member_no": "From 1.",
  "molecule_id": "The species.",
  "calculation_id": "The calculation it gives, where it is one.",
  "result_id": "The docked pose it gives, where it is one.",
  "split": "train, validation or test.",
  "group_key": "What is never split: compound skeleton or scaffold."
}$$);
CREATE FUNCTION refuse_frozen_member() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  frozen timestamptz;
BEGIN
  -- The lock makes a freezing wait for members that are on their way, and them for it.
  SELECT d.frozen_at INTO frozen FROM datasets d WHERE d.dataset_id = coalesce(NEW.dataset_id, OLD.dataset_id) FOR SHARE;
  IF frozen IS NOT NULL THEN
    RAISE EXCEPTION 'the dataset is frozen and never changes: make a new version' USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN coalesce(NEW, OLD);
END $$;
COMMENT ON FUNCTION refuse_frozen_member() IS 'A frozen dataset keeps its members.';
-- Deleting a whole dataset takes its members along: the dataset is gone when this looks for it.
CREATE TRIGGER dataset_members_frozen BEFORE INSERT OR UPDATE OR DELETE ON dataset_members
  FOR EACH ROW EXECUTE FUNCTION refuse_frozen_member();
CREATE POLICY dataset_members_member_read ON dataset_members FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM datasets d WHERE d.dataset_id = dataset_members.dataset_id));
CREATE POLICY dataset_members_member_insert ON dataset_members FOR INSERT TO {member} WITH CHECK (
  EXISTS (SELECT 1 FROM datasets d WHERE d.dataset_id = dataset_members.dataset_id AND may_write(d.owner_id))
  AND EXISTS (SELECT 1 FROM molecules m WHERE m.molecule_id = dataset_members.molecule_id)
  AND (calculation_id IS NULL OR EXISTS (SELECT 1 FROM calculations c WHERE c.calculation_id = dataset_members.calculation_id))
  AND (result_id IS NULL OR EXISTS (SELECT 1 FROM docking_results r WHERE r.result_id = dataset_members.result_id)));
GRANT SELECT, INSERT ON dataset_members TO {member};
