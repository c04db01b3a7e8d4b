ALTER TABLE structures ADD COLUMN record integer NOT NULL DEFAULT 1 CHECK (record > 0);
COMMENT ON COLUMN structures.record IS
  'Which record of the file it is, from 1: all poses of a docking are one SD file, synced once.';
CREATE INDEX structures_checksum ON structures (checksum);
