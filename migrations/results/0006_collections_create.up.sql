CREATE TABLE collections (
  collection_id uuid PRIMARY KEY DEFAULT new_id(),
  owner_id uuid NOT NULL,
  project_id uuid REFERENCES projects,
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200 AND name = btrim(name)),
  description text NOT NULL DEFAULT '' CHECK (char_length(description) <= 10000),
  is_archived boolean NOT NULL DEFAULT false,
  visibility text NOT NULL DEFAULT 'organization' CHECK (visibility IN ('private', 'organization')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX collections_name_key ON collections (owner_id, lower(name));
CREATE INDEX collections_project ON collections (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX collections_created ON collections (created_at DESC, collection_id DESC);
CALL finish_table('collections', 'Confidential: living lists of molecules.', $${
  "collection_id": "UUIDv7.",
  "owner_id": "Who made it.",
  "project_id": "Project it belongs to.",
  "name": "Confidential: unique within its owner's, whatever the case.",
  "description": "Confidential: what it is for.",
  "is_archived": "True: kept, and out of lists by default.",
  "visibility": "organization, or private: its owner and admins."
}$$);
CALL show_to_people('collections');
CALL join_visible_projects('collections');
GRANT SELECT, INSERT, DELETE ON collections TO {member};
GRANT UPDATE (project_id, name, description, is_archived, visibility) ON collections TO {member};

CREATE TABLE collection_members (
  collection_id uuid NOT NULL REFERENCES collections ON DELETE CASCADE,
  molecule_id uuid NOT NULL REFERENCES molecules,
  added_by uuid NOT NULL,
  note text CHECK (char_length(note) <= 10000),
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (collection_id, molecule_id)
);
CREATE INDEX collection_members_molecule ON collection_members (molecule_id);
CALL finish_table('collection_members', 'Confidential: molecules of a collection.', $${
  "collection_id": "The collection.",
  "molecule_id": "The species.",
  "added_by": "Who added it.",
  "note": "Confidential: why."
}$$);
CREATE POLICY collection_members_member_read ON collection_members FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM collections c WHERE c.collection_id = collection_members.collection_id));
CREATE POLICY collection_members_member_insert ON collection_members FOR INSERT TO {member} WITH CHECK (
  added_by = (SELECT app_user())
  AND EXISTS (SELECT 1 FROM molecules m WHERE m.molecule_id = collection_members.molecule_id)
  AND EXISTS (SELECT 1 FROM collections c WHERE c.collection_id = collection_members.collection_id AND may_write(c.owner_id)));
CREATE POLICY collection_members_member_delete ON collection_members FOR DELETE TO {member} USING (
  EXISTS (SELECT 1 FROM collections c WHERE c.collection_id = collection_members.collection_id AND may_write(c.owner_id)));
GRANT SELECT, INSERT, DELETE ON collection_members TO {member};
