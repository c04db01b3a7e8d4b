CREATE OR REPLACE FUNCTION new_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
  SET search_path = pg_catalog
AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid
$$;
ALTER POLICY job_inputs_member_insert ON job_inputs WITH CHECK (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = job_inputs.job_id AND may_write(j.owner_id))
  AND (molecule_id IS NULL OR EXISTS (SELECT 1 FROM molecules m WHERE m.molecule_id = job_inputs.molecule_id))
  AND (structure_id IS NULL OR EXISTS (SELECT 1 FROM structures s WHERE s.structure_id = job_inputs.structure_id))
  AND (site_id IS NULL OR EXISTS (SELECT 1 FROM binding_sites b WHERE b.site_id = job_inputs.site_id)));
ALTER POLICY tasks_member_insert ON tasks WITH CHECK (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = tasks.job_id AND may_write(j.owner_id)));
ALTER POLICY tasks_member_update ON tasks USING (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = tasks.job_id AND may_write(j.owner_id)));
ALTER POLICY job_events_member_insert ON job_events WITH CHECK (
  EXISTS (SELECT 1 FROM jobs j WHERE j.job_id = job_events.job_id AND may_write(j.owner_id)));
CREATE OR REPLACE FUNCTION register_molecules(items jsonb) RETURNS TABLE (molecule_id uuid, created boolean)
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
