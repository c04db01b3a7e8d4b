/**
 * Every probe is undone by the error that carries its answer out. Facts and deeds come first, with everything as it
 * is; then `member` gets every privilege on the relations asked about and triggers and foreign keys are off, so that
 * what decides is the policies alone. In the end that is undone too.
 */
export const MACHINE = `
CREATE SCHEMA visibility;
CREATE TABLE visibility.probes (id integer PRIMARY KEY, relation text NOT NULL,
  about text NOT NULL, kind text NOT NULL, name text NOT NULL, role text, org text, usr text, admin boolean, text text NOT NULL,
  input jsonb, after text, expect text);
CREATE FUNCTION visibility.answer(p visibility.probes) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  got text;
BEGIN
  IF p.role IS NOT NULL THEN
    PERFORM set_config('app.current_org_id', p.org, true), set_config('app.current_user_id', p.usr, true),
      set_config('app.is_org_admin', CASE WHEN p.admin THEN 'on' ELSE 'off' END, true), set_config('role', p.role, true);
  END IF;
  IF p.input IS NOT NULL THEN EXECUTE p.text USING p.input;
  ELSIF p.after IS NOT NULL THEN EXECUTE p.text;
  ELSE EXECUTE p.text INTO got;
  END IF;
  IF p.after IS NOT NULL THEN
    PERFORM set_config('role', 'none', true);
    EXECUTE p.after INTO got;
  END IF;
  RAISE EXCEPTION USING ERRCODE = 'AN5ER', MESSAGE = coalesce(got, 'nothing');
EXCEPTION
  WHEN SQLSTATE 'AN5ER' THEN RETURN SQLERRM;
  WHEN insufficient_privilege THEN RETURN 'refused';
  WHEN OTHERS THEN RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
CREATE FUNCTION visibility.violations(of_relation text, of_kind text, enough integer) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
  probe visibility.probes;
  got text;
  granted text[] := '{}';
  found text[] := '{}';
BEGIN
  BEGIN
    FOR probe IN SELECT * FROM visibility.probes
      WHERE (of_relation IS NULL OR relation = of_relation) AND (of_kind IS NULL OR kind = of_kind)
      ORDER BY array_position(ARRAY['fact', 'deed'], kind), id
    LOOP
      IF probe.kind NOT IN ('fact', 'deed') AND probe.relation <> ALL (granted) THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO aliquot_member', probe.relation);
        granted := granted || probe.relation;
        PERFORM set_config('session_replication_role', 'replica', true);
      END IF;
      got := visibility.answer(probe);
      CONTINUE WHEN got IS NOT DISTINCT FROM coalesce(probe.expect, 'nothing');
      found := found || format('%s: %s: %s: "%s", expected "%s"', probe.relation, probe.name, probe.about, got,
        coalesce(probe.expect, 'nothing'));
      EXIT WHEN cardinality(found) >= enough;
    END LOOP;
    RAISE EXCEPTION USING ERRCODE = 'AN5ER';
  EXCEPTION WHEN SQLSTATE 'AN5ER' THEN NULL;
  END;
  RETURN QUERY SELECT unnest(found);
END $$`;
