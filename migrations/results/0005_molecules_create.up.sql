CREATE TABLE molecules (
  molecule_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  identity_key text NOT NULL UNIQUE CHECK (char_length(identity_key) BETWEEN 3 AND 200),
  identity_kind text NOT NULL CHECK (identity_kind IN ('inchi', 'smiles', 'geometry')),
  identity_version integer NOT NULL CHECK (identity_version > 0),
  inchi text,
  inchikey text,
  compound_key text NOT NULL CHECK (char_length(compound_key) <= 200),
  skeleton_key text NOT NULL CHECK (char_length(skeleton_key) <= 200),
  smiles text,
  formula text NOT NULL CHECK (char_length(formula) <= 500),
  charge integer NOT NULL,
  stereo_status text NOT NULL CHECK (stereo_status IN ('none', 'defined', 'partly', 'undefined')),
  toolkit_version text NOT NULL,
  heavy_atoms integer NOT NULL CHECK (heavy_atoms >= 0),
  molecular_weight double precision,
  exact_mass double precision,
  clogp double precision,
  tpsa_angstrom2 double precision,
  hbd integer,
  hba integer,
  rotatable_bonds integer,
  rings integer,
  fsp3 double precision,
  created_at timestamptz NOT NULL DEFAULT now(),
  CHECK (smiles IS NOT NULL OR identity_kind = 'geometry'),
  -- One that is NaN or infinite makes the sum so.
  CONSTRAINT molecules_numbers CHECK (abs(coalesce(molecular_weight, 0) + coalesce(exact_mass, 0) + coalesce(clogp, 0)
    + coalesce(tpsa_angstrom2, 0) + coalesce(fsp3, 0)) < 'infinity')
);
CREATE INDEX molecules_inchikey ON molecules (inchikey);
CREATE INDEX molecules_compound ON molecules (compound_key);
CREATE INDEX molecules_skeleton ON molecules (skeleton_key);
CREATE INDEX molecules_formula ON molecules (formula);
CALL finish_table('molecules', 'Confidential: chemical species, and only what chemistry decides about them.', $${
  "molecule_id": "Random, not by time: an id must not tell when a colleague registered the same species.",
  "identity_key": "Confidential: what makes two records the same species: InChIKey of the FixedH InChI after normalisation, S1- and a hash of CXSMILES, or G1- and a geometry hash.",
  "identity_kind": "inchi, smiles or geometry: which rule made the key.",
  "identity_version": "Version of the normalisations and rules.",
  "inchi": "Confidential: FixedH InChI.",
  "inchikey": "Confidential: standard InChIKey.",
  "compound_key": "Confidential: what all salts, states and tautomers share: first 25 letters of the neutralised parent's standard InChIKey.",
  "skeleton_key": "Confidential: first 14 letters of the same key: constitution without stereo.",
  "smiles": "Confidential: canonical SMILES of the normalised species; null where only a geometry is known.",
  "formula": "Confidential: Hill formula.",
  "charge": "Net charge in e.",
  "stereo_status": "none, defined, partly or undefined (atoms and double bonds).",
  "toolkit_version": "Toolkit that decided.",
  "heavy_atoms": "Count of atoms other than hydrogen.",
  "molecular_weight": "Average mass in g/mol.",
  "exact_mass": "Monoisotopic mass in Da.",
  "clogp": "Crippen logP.",
  "tpsa_angstrom2": "Topological polar surface area in Å².",
  "hbd": "Hydrogen-bond donors.",
  "hba": "Hydrogen-bond acceptors.",
  "rotatable_bonds": "Rotatable bonds.",
  "rings": "Rings.",
  "fsp3": "Fraction of sp3 carbons."
}$$);

CREATE FUNCTION tags_are_short(tags text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT coalesce(bool_and(char_length(tag) BETWEEN 1 AND 200), true) FROM unnest(tags) AS tag
$$;
COMMENT ON FUNCTION tags_are_short(text[]) IS 'Each tag has 1 to 200 characters: the index on them takes no long ones.';

CREATE TABLE registrations (
  registration_id uuid PRIMARY KEY DEFAULT new_id(),
  molecule_id uuid NOT NULL REFERENCES molecules,
  owner_id uuid NOT NULL,
  visibility text NOT NULL DEFAULT 'organization' CHECK (visibility IN ('private', 'organization')),
  project_id uuid REFERENCES projects,
  name text CHECK (char_length(name) <= 500),
  external_id text CHECK (char_length(external_id) <= 500),
  supplier text CHECK (char_length(supplier) <= 500),
  input_text text NOT NULL CHECK (char_length(input_text) <= 1000000),
  source_file text CHECK (char_length(source_file) <= 1000),
  source_row bigint,
  properties jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(properties) = 'object'),
  tags text[] NOT NULL DEFAULT '{}' CHECK (tags_are_short(tags)),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX registrations_molecule ON registrations (molecule_id);
CREATE INDEX registrations_owner ON registrations (owner_id, created_at DESC);
CREATE INDEX registrations_project ON registrations (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX idx_molecules_name ON registrations (lower(name) text_pattern_ops);
CREATE INDEX registrations_external ON registrations (lower(external_id) text_pattern_ops);
CREATE INDEX registrations_tags ON registrations USING gin (tags);
CREATE INDEX registrations_created ON registrations (created_at DESC, registration_id DESC);
CREATE UNIQUE INDEX registrations_once ON registrations
  (molecule_id, owner_id, visibility, coalesce(project_id, '00000000-0000-0000-0000-000000000000'),
   -- A hash, because an entry of an index has 2,704 bytes at most; the unit separator is in no name.
   md5(coalesce(name, '') || E'\x1f' || coalesce(external_id, '') || E'\x1f' || coalesce(source_file, '') || E'\x1f' || input_text),
   coalesce(source_row, 0));
CALL finish_table('registrations', 'Confidential: who brought a molecule and what they call it.', $${
  "registration_id": "UUIDv7.",
  "molecule_id": "The species.",
  "owner_id": "Who brought it.",
  "visibility": "organization, or private: its owner and admins.",
  "project_id": "Project it belongs to.",
  "name": "Confidential: what its owner calls it.",
  "external_id": "Confidential: its number elsewhere.",
  "supplier": "Where it was bought.",
  "input_text": "Confidential: the record as it came.",
  "source_file": "File it came from.",
  "source_row": "Line or record there, from 1.",
  "properties": "Confidential: every SD tag and CSV column that came with it.",
  "tags": "Words its owner gave it."
}$$);

CREATE TABLE molecule_relations (
  parent_id uuid NOT NULL REFERENCES molecules,
  child_id uuid NOT NULL REFERENCES molecules,
  kind text NOT NULL CHECK (kind IN ('salt_parent', 'protomer', 'tautomer', 'stereoisomer', 'became')),
  rule text NOT NULL,
  tool_version text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (parent_id, child_id, kind),
  CHECK (parent_id <> child_id)
);
CREATE INDEX molecule_relations_child ON molecule_relations (child_id);
CALL finish_table('molecule_relations', 'Confidential: how species belong together.', $${
  "parent_id": "The species that stands for the other: parent of a salt, neutral form, what it was before.",
  "child_id": "The other species.",
  "kind": "salt_parent, protomer, tautomer, stereoisomer or became.",
  "rule": "Rule that said so, with its version.",
  "tool_version": "Program that applied it."
}$$);

-- Sets and not rows: 1,000 records cost half of what a call for each did. Keys go in sorted, so that two
-- imports with common species wait for each other in one order. No sequential scan: the plan is kept from when
-- the tables were small, and would read all of them later.
CREATE FUNCTION register_molecules(items jsonb) RETURNS TABLE (molecule_id uuid, created boolean)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off
AS $$
#variable_conflict use_column
BEGIN
  IF NOT in_own_org() THEN
    RAISE EXCEPTION 'no organization is set' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF EXISTS (SELECT 1 FROM jsonb_to_recordset(items) AS i(registration jsonb)
      WHERE may_write((i.registration ->> 'owner_id')::uuid) IS NOT TRUE) THEN
    RAISE EXCEPTION 'a registration belongs to who makes it' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF EXISTS (SELECT 1 FROM jsonb_to_recordset(items) AS i(registration jsonb)
      WHERE i.registration ->> 'project_id' IS NOT NULL AND NOT EXISTS (SELECT 1 FROM projects p
        WHERE p.project_id = (i.registration ->> 'project_id')::uuid AND may_see(p.owner_id, p.visibility))) THEN
    RAISE EXCEPTION 'no such project' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO molecules (identity_key, identity_kind, identity_version, inchi, inchikey, compound_key, skeleton_key, smiles,
    formula, charge, stereo_status, toolkit_version, heavy_atoms, molecular_weight, exact_mass, clogp, tpsa_angstrom2,
    hbd, hba, rotatable_bonds, rings, fsp3)
  SELECT DISTINCT ON (s.identity_key) s.identity_key, s.identity_kind, s.identity_version, s.inchi, s.inchikey, s.compound_key,
    s.skeleton_key, s.smiles, s.formula, s.charge, s.stereo_status, s.toolkit_version, s.heavy_atoms, s.molecular_weight,
    s.exact_mass, s.clogp, s.tpsa_angstrom2, s.hbd, s.hba, s.rotatable_bonds, s.rings, s.fsp3
  FROM jsonb_to_recordset(items) AS i(species jsonb), jsonb_populate_record(NULL::molecules, i.species) AS s
  ORDER BY s.identity_key
  ON CONFLICT (identity_key) DO NOTHING;
  RETURN QUERY
    SELECT m.molecule_id, row_number() OVER (PARTITION BY m.molecule_id ORDER BY g.place) = 1
      AND NOT EXISTS (SELECT 1 FROM registrations r WHERE r.molecule_id = m.molecule_id AND may_see(r.owner_id, r.visibility))
    FROM jsonb_array_elements(items) WITH ORDINALITY AS g(item, place)
    JOIN molecules m ON m.identity_key = g.item -> 'species' ->> 'identity_key'
    ORDER BY g.place;
  INSERT INTO registrations (molecule_id, owner_id, visibility, project_id, name, external_id, supplier, input_text,
    source_file, source_row, properties, tags)
  SELECT m.molecule_id, r.owner_id, coalesce(r.visibility, 'organization'), r.project_id, r.name, r.external_id, r.supplier,
    r.input_text, r.source_file, r.source_row, coalesce(r.properties, '{}'), coalesce(r.tags, '{}')
  FROM jsonb_array_elements(items) WITH ORDINALITY AS g(item, place)
  CROSS JOIN jsonb_populate_record(NULL::registrations, g.item -> 'registration') AS r
  JOIN molecules m ON m.identity_key = g.item -> 'species' ->> 'identity_key'
  ORDER BY m.identity_key, g.place
  ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION register_molecules(jsonb) IS
  'Adds the caller''s registrations of species, each an object of species and registration, and the species where nobody has them yet. Answers in order; "created" is true where the caller saw no registration of it before, so a colleague''s private one is not revealed.';
REVOKE EXECUTE ON FUNCTION register_molecules(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION register_molecules(jsonb) TO {member}, {system};

CREATE FUNCTION relate_molecules(parent uuid, child uuid, relation text, by_rule text, by_tool text) RETURNS void
  LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
AS $$
  INSERT INTO molecule_relations (parent_id, child_id, kind, rule, tool_version)
  SELECT parent, child, relation, by_rule, by_tool WHERE in_own_org()
    -- People relate what they see; inside this function current_user is the owner, so the role they took decides.
    AND (current_setting('role') <> btrim('{member}', '"') OR (SELECT count(DISTINCT r.molecule_id) FROM registrations r
      WHERE r.molecule_id IN (parent, child) AND may_see(r.owner_id, r.visibility)) = 2)
  ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION relate_molecules(uuid, uuid, text, text, text) IS
  'States a relation that chemistry decides; saying it twice changes nothing.';
REVOKE EXECUTE ON FUNCTION relate_molecules(uuid, uuid, text, text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION relate_molecules(uuid, uuid, text, text, text) TO {member}, {system};

CALL show_to_people('registrations');
CALL join_visible_projects('registrations');
CREATE POLICY molecules_member ON molecules FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM registrations r WHERE r.molecule_id = molecules.molecule_id));
CREATE POLICY molecule_relations_member ON molecule_relations FOR SELECT TO {member} USING (
  EXISTS (SELECT 1 FROM molecules m WHERE m.molecule_id = parent_id)
  AND EXISTS (SELECT 1 FROM molecules m WHERE m.molecule_id = child_id));
GRANT SELECT, DELETE ON registrations TO {member};
GRANT UPDATE (visibility, project_id, name, external_id, supplier, properties, tags) ON registrations TO {member};
GRANT SELECT ON molecule_relations TO {member};
GRANT SELECT (molecule_id, identity_key, identity_kind, identity_version, inchi, inchikey, compound_key, skeleton_key, smiles,
  formula, charge, stereo_status, toolkit_version, heavy_atoms, molecular_weight, exact_mass, clogp, tpsa_angstrom2,
  hbd, hba, rotatable_bonds, rings, fsp3) ON molecules TO {member};
