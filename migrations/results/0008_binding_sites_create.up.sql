CREATE TABLE binding_sites (
  site_id uuid PRIMARY KEY DEFAULT new_id(),
  receptor_structure_id uuid NOT NULL REFERENCES structures,
  reference_structure_id uuid REFERENCES structures,
  center_x_angstrom double precision NOT NULL,
  center_y_angstrom double precision NOT NULL,
  center_z_angstrom double precision NOT NULL,
  size_x_angstrom double precision NOT NULL CHECK (size_x_angstrom > 0),
  size_y_angstrom double precision NOT NULL CHECK (size_y_angstrom > 0),
  size_z_angstrom double precision NOT NULL CHECK (size_z_angstrom > 0),
  name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  version integer NOT NULL DEFAULT 1 CHECK (version > 0),
  report jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(report) = 'object'),
  validation jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(validation) = 'object'),
  owner_id uuid NOT NULL,
  visibility text NOT NULL DEFAULT 'organization' CHECK (visibility IN ('private', 'organization')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (owner_id, name, version),
  -- NaN is a double precision and greater than all numbers: without these a box could be nowhere.
  CHECK (abs(center_x_angstrom) < 10000 AND abs(center_y_angstrom) < 10000 AND abs(center_z_angstrom) < 10000),
  CHECK (size_x_angstrom < 1000 AND size_y_angstrom < 1000 AND size_z_angstrom < 1000)
);
CREATE INDEX binding_sites_receptor ON binding_sites (receptor_structure_id);
CREATE INDEX binding_sites_reference ON binding_sites (reference_structure_id);
CREATE INDEX binding_sites_created ON binding_sites (created_at DESC, site_id DESC);
CALL finish_table('binding_sites', 'Confidential: where ligands are docked: a prepared receptor, a box, and a ligand whose place there is known.', $${
  "site_id": "UUIDv7.",
  "receptor_structure_id": "The prepared receptor.",
  "reference_structure_id": "Ligand whose place is known, from the same file; poses are compared with it. Null where there is none.",
  "center_x_angstrom": "Middle of the box in Å.",
  "center_y_angstrom": "Middle of the box in Å.",
  "center_z_angstrom": "Middle of the box in Å.",
  "size_x_angstrom": "Full side of the box in Å.",
  "size_y_angstrom": "Full side of the box in Å.",
  "size_z_angstrom": "Full side of the box in Å.",
  "name": "Confidential: what its owner calls it.",
  "version": "From 1 within its owner's name; a changed site is a new version.",
  "report": "How the box was chosen and what lies in it.",
  "validation": "Confidential: outcome of redocking the reference ligand; empty where that was not tried.",
  "owner_id": "Whose it is.",
  "visibility": "organization, or private: its owner and admins."
}$$);
CREATE TRIGGER binding_sites_immutable BEFORE UPDATE OF receptor_structure_id, reference_structure_id, center_x_angstrom,
  center_y_angstrom, center_z_angstrom, size_x_angstrom, size_y_angstrom, size_z_angstrom, name, version, report ON binding_sites
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CALL show_to_people('binding_sites');
-- Workers see everything: a site names only what its maker sees.
CREATE POLICY binding_sites_member_parts ON binding_sites AS RESTRICTIVE FOR INSERT TO {member} WITH CHECK (
  EXISTS (SELECT 1 FROM structures s WHERE s.structure_id = receptor_structure_id)
  AND (reference_structure_id IS NULL OR EXISTS (SELECT 1 FROM structures s WHERE s.structure_id = reference_structure_id)));
GRANT SELECT, INSERT ON binding_sites TO {member};
GRANT UPDATE (validation) ON binding_sites TO {member};
