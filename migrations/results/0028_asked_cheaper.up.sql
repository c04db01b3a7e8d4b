-- No change of who sees or writes what. These are asked a dozen times by every statement of a person: a body that is
-- parsed here needs no search path, and is put into what calls it.
CREATE OR REPLACE FUNCTION app_org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('app.current_org_id', true), '')::uuid;
CREATE OR REPLACE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('app.current_user_id', true), '')::uuid;
CREATE OR REPLACE FUNCTION app_is_admin() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
  RETURN coalesce(current_setting('app.is_org_admin', true) = 'on', false);

-- PL/pgSQL keeps its plan from statement to statement. A plan under row security holds for one role and one search
-- path: as the owner, with a path of its own, it is made once and not with each change of role in a connection.
CREATE OR REPLACE FUNCTION in_own_org() RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp
AS $$
BEGIN
  RETURN coalesce((SELECT i.org_id = app_org() FROM database_identity i), false);
END $$;
REVOKE EXECUTE ON FUNCTION in_own_org() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION in_own_org() TO {member}, {system};

-- A look at the index for each record: from a plan that joins, which is kept from when a table held a few hundred
-- rows, all of them were read for one molecule.
-- Sets and not rows, and nothing asked of each row that is the same for all. Keys go in sorted, so that two imports
-- with common species wait for each other in one order. No sequential scan: the plan is kept from when the tables
-- were small, and would read all of them later; the LIMIT keeps it from reading all registrations into a hash.
CREATE OR REPLACE FUNCTION register_molecules(items jsonb) RETURNS TABLE (molecule_id uuid, created boolean)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
  me uuid := app_user();
  is_admin boolean := app_is_admin();
BEGIN
  IF NOT in_own_org() THEN
    RAISE EXCEPTION 'no organization is set' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF EXISTS (SELECT 1 FROM (SELECT DISTINCT i.registration ->> 'owner_id' AS owner_id
      FROM jsonb_to_recordset(items) AS i(registration jsonb)) AS o WHERE may_write(o.owner_id::uuid) IS NOT TRUE) THEN
    RAISE EXCEPTION 'a registration belongs to who makes it' USING ERRCODE = 'insufficient_privilege';
  END IF;
  IF EXISTS (SELECT 1 FROM (SELECT DISTINCT i.registration ->> 'project_id' AS project_id
      FROM jsonb_to_recordset(items) AS i(registration jsonb)) AS o WHERE o.project_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM projects p WHERE p.project_id = o.project_id::uuid AND may_see(p.owner_id, p.visibility))) THEN
    RAISE EXCEPTION 'no such project' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO molecules (identity_key, identity_kind, identity_version, inchi, inchikey, compound_key, skeleton_key, smiles,
    formula, charge, stereo_status, toolkit_version, heavy_atoms, molecular_weight, exact_mass, clogp, tpsa_angstrom2,
    hbd, hba, rotatable_bonds, rings, fsp3)
  SELECT n.identity_key, s ->> 'identity_kind', (s ->> 'identity_version')::integer, s ->> 'inchi', s ->> 'inchikey',
    s ->> 'compound_key', s ->> 'skeleton_key', s ->> 'smiles', s ->> 'formula', (s ->> 'charge')::integer,
    s ->> 'stereo_status', s ->> 'toolkit_version', (s ->> 'heavy_atoms')::integer,
    (s ->> 'molecular_weight')::double precision, (s ->> 'exact_mass')::double precision,
    (s ->> 'clogp')::double precision, (s ->> 'tpsa_angstrom2')::double precision, (s ->> 'hbd')::integer,
    (s ->> 'hba')::integer, (s ->> 'rotatable_bonds')::integer, (s ->> 'rings')::integer,
    (s ->> 'fsp3')::double precision
  FROM (SELECT DISTINCT ON (i.species ->> 'identity_key') i.species ->> 'identity_key' AS identity_key, i.species AS s
    FROM jsonb_to_recordset(items) AS i(species jsonb) ORDER BY i.species ->> 'identity_key') AS n
  WHERE (SELECT true FROM molecules m WHERE m.identity_key = n.identity_key LIMIT 1) IS NULL
  ORDER BY n.identity_key
  ON CONFLICT (identity_key) DO NOTHING;
  RETURN QUERY
    WITH named AS MATERIALIZED (
      SELECT m.molecule_id, m.identity_key, g.registration AS r, g.place
      FROM ROWS FROM (jsonb_to_recordset(items) AS (species jsonb, registration jsonb))
        WITH ORDINALITY AS g(species, registration, place)
      CROSS JOIN LATERAL (SELECT m.molecule_id, m.identity_key FROM molecules m
        WHERE m.identity_key = g.species ->> 'identity_key' LIMIT 1) AS m
    ), registered AS (
      INSERT INTO registrations (molecule_id, owner_id, visibility, project_id, name, external_id, supplier, input_text,
        source_file, source_row, properties, tags)
      SELECT n.molecule_id, (r ->> 'owner_id')::uuid, coalesce(r ->> 'visibility', 'organization'),
        (r ->> 'project_id')::uuid, r ->> 'name', r ->> 'external_id', r ->> 'supplier', r ->> 'input_text',
        r ->> 'source_file', (r ->> 'source_row')::bigint, coalesce(nullif(r -> 'properties', 'null'), '{}'),
        CASE jsonb_typeof(r -> 'tags') WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(r -> 'tags')) ELSE '{}' END
      FROM named n
      ORDER BY n.identity_key, n.place
      ON CONFLICT DO NOTHING
    )
    -- One statement sees no row of its own: those that were there before.
    SELECT n.molecule_id, row_number() OVER (PARTITION BY n.molecule_id ORDER BY n.place) = 1
      AND (SELECT count(*) FROM (SELECT FROM registrations r WHERE r.molecule_id = n.molecule_id
        AND (r.visibility <> 'private' OR r.owner_id = me OR is_admin) LIMIT 1) AS seen) = 0
    FROM named n ORDER BY n.place;
END $$;
