DO $$
DECLARE
  rule record;
BEGIN
  FOR rule IN
    SELECT conrelid::regclass AS of_table, conname,
      (regexp_match(pg_get_constraintdef(oid), 'octet_length\((\w+)\) = (?:64|71)'))[1] AS of_column,
      CASE WHEN pg_get_constraintdef(oid) LIKE '%sha256:%' THEN 'sha256:' ELSE '' END AS prefix
    FROM pg_constraint
    WHERE contype = 'c' AND connamespace = 'public'::regnamespace
      AND pg_get_constraintdef(oid) ~ 'octet_length\(\w+\) = (64|71)\).*\[0-9a-f\]\+'
    ORDER BY conrelid::regclass::text, conname
  LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I CHECK (%I ~ %L)',
      rule.of_table, rule.conname, rule.conname, rule.of_column, '^' || rule.prefix || '[0-9a-f]{64}$');
  END LOOP;
END $$;
