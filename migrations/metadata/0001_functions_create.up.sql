-- Functions that every table below leans on.

CREATE FUNCTION new_id() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE
  SET search_path = pg_catalog
AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid
$$;
COMMENT ON FUNCTION new_id() IS 'A UUIDv7 (RFC 9562): ids sort by birth. PostgreSQL 15 has none of its own, and the name of 18''s is avoided.';

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END $$;
COMMENT ON FUNCTION touch_updated_at() IS 'Trigger of every mutable table.';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION refuse_change() IS 'Trigger of append-only tables.';

CREATE FUNCTION app_org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT nullif(current_setting('app.current_org_id', true), '')::uuid
$$;
COMMENT ON FUNCTION app_org() IS 'Organization of the current transaction; null, so no rows, where none is set.';

CREATE FUNCTION app_user() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT nullif(current_setting('app.current_user_id', true), '')::uuid
$$;
COMMENT ON FUNCTION app_user() IS 'Person of the current transaction; null where none is set.';

CREATE FUNCTION app_is_admin() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
  SELECT coalesce(current_setting('app.is_org_admin', true) = 'on', false)
$$;
COMMENT ON FUNCTION app_is_admin() IS 'True for owner and admins of the organization.';

CREATE PROCEDURE finish_table(target regclass, about text, columns jsonb) LANGUAGE plpgsql AS $$
DECLARE
  name text := target::text;
  col record;
  texts jsonb := '{"created_at": "When the row was made.", "updated_at": "When the row last changed."}'::jsonb || columns;
BEGIN
  EXECUTE format('COMMENT ON TABLE %s IS %L', target, about);
  FOR col IN SELECT attname FROM pg_attribute WHERE attrelid = target AND attnum > 0 AND NOT attisdropped LOOP
    IF NOT texts ? col.attname THEN
      RAISE EXCEPTION 'column %.% has no description', name, col.attname;
    END IF;
    EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', target, col.attname, texts ->> col.attname);
    IF col.attname = 'updated_at' THEN
      EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION touch_updated_at()', name || '_touch', target);
    END IF;
  END LOOP;
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format('CREATE POLICY %I ON %s TO {owner} USING (true) WITH CHECK (true)', name || '_owner', target);
  EXECUTE format('CREATE POLICY %I ON %s TO {system} USING (true) WITH CHECK (true)', name || '_system', target);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO {system}', target);
END $$;
REVOKE EXECUTE ON PROCEDURE finish_table(regclass, text, jsonb) FROM PUBLIC;
COMMENT ON PROCEDURE finish_table(regclass, text, jsonb) IS
  'Last step of making a table: a description of it and of every column, updated_at trigger, forced row security with the policies of owner and system. Refuses a column without a description.';
