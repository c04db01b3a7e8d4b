CREATE TABLE structures (
  structure_id uuid PRIMARY KEY DEFAULT new_id(),
  molecule_id uuid REFERENCES molecules,
  kind text NOT NULL CHECK (kind IN ('conformer', 'receptor', 'ligand', 'pose', 'reference_ligand')),
  name text CHECK (char_length(name) <= 500),
  format text NOT NULL CHECK (format IN ('xyz', 'sdf', 'pdb', 'mmcif', 'pdbqt')),
  uri text NOT NULL,
  record integer NOT NULL DEFAULT 1 CHECK (record > 0),
  size_bytes bigint NOT NULL CONSTRAINT structure_size_positive CHECK (size_bytes > 0),
  checksum text NOT NULL CHECK (checksum ~ '^sha256:[0-9a-f]{64}$'),
  charge integer,
  multiplicity integer CHECK (multiplicity > 0),
  geometry_hash text CHECK (geometry_hash ~ '^[0-9a-f]{64}$'),
  preparation jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(preparation) = 'object'),
  source text NOT NULL,
  owner_id uuid NOT NULL,
  visibility text NOT NULL DEFAULT 'organization' CHECK (visibility IN ('private', 'organization')),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX structures_molecule ON structures (molecule_id, kind);
CREATE INDEX structures_checksum ON structures (checksum);
CREATE INDEX structures_geometry ON structures (geometry_hash);
CREATE INDEX structures_created ON structures (created_at DESC, structure_id DESC);
CALL finish_table('structures', 'Confidential: coordinates in a file.', $${
  "structure_id": "UUIDv7.",
  "molecule_id": "The species; null where none is known.",
  "kind": "conformer, receptor, ligand, pose or reference_ligand.",
  "name": "Confidential: what its owner calls it.",
  "format": "xyz, sdf, pdb, mmcif or pdbqt.",
  "uri": "Where the bytes are.",
  "record": "Which record of the file it is, from 1: all poses of a docking are one SD file, synced once.",
  "size_bytes": "Count of bytes.",
  "checksum": "sha256: and 64 hex digits over the bytes.",
  "charge": "Net charge in e, where known.",
  "multiplicity": "Spin multiplicity 2S+1, where known.",
  "geometry_hash": "Elements and positions in bohr at 8 decimals, order kept.",
  "preparation": "Confidential: how it was made: generator, seed, force field, every choice.",
  "source": "Where it comes from: upload:FILE, generator, or job:ID.",
  "owner_id": "Whose it is.",
  "visibility": "organization, or private: its owner and admins."
}$$);
CREATE TRIGGER structures_immutable BEFORE UPDATE OF kind, format, uri, record, size_bytes, checksum, charge,
  multiplicity, geometry_hash, preparation, source ON structures FOR EACH ROW EXECUTE FUNCTION refuse_change();
CALL show_to_people('structures');
CREATE POLICY structures_member_molecule ON structures AS RESTRICTIVE FOR INSERT TO {member} WITH CHECK (
  molecule_id IS NULL OR EXISTS (SELECT 1 FROM molecules m WHERE m.molecule_id = structures.molecule_id));
GRANT SELECT, INSERT ON structures TO {member};

CREATE TABLE protocols (
  protocol_id uuid PRIMARY KEY DEFAULT new_id(),
  params_hash text NOT NULL UNIQUE CHECK (params_hash ~ '^[0-9a-f]{64}$'),
  name text CHECK (char_length(name) <= 200),
  task text NOT NULL,
  program text NOT NULL,
  program_version text NOT NULL,
  params jsonb NOT NULL CHECK (jsonb_typeof(params) = 'object'),
  created_at timestamptz NOT NULL DEFAULT now()
);
CALL finish_table('protocols', 'Everything that makes two numbers comparable; immutable, found by its content.', $${
  "protocol_id": "UUIDv7.",
  "params_hash": "SHA-256 of the canonical task, program, version and parameters.",
  "name": "What people call it.",
  "task": "Kind of task.",
  "program": "xtb, vina.",
  "program_version": "As the program states it.",
  "params": "All parameters."
}$$);
CREATE TRIGGER protocols_immutable BEFORE UPDATE OF params_hash, task, program, program_version, params ON protocols
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE POLICY protocols_member ON protocols FOR SELECT TO {member} USING ((SELECT in_own_org()));
GRANT SELECT ON protocols TO {member};
