import type pg from "pg";

/** One line for each thing in schema public: columns, constraints, indexes, policies, grants, triggers, functions. */
const CATALOG = `
  SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
    || ' -- ' || coalesce(col_description(c.oid, a.attnum), '')
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v')
  UNION ALL SELECT 'table ' || relname || ' rls ' || relrowsecurity || ' forced ' || relforcerowsecurity || ' owner ' || pg_get_userbyid(relowner)
    || ' grants ' || coalesce(relacl::text, '') || ' -- ' || coalesce(obj_description(oid, 'pg_class'), '')
  FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')
  UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0
  UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
  UNION ALL SELECT 'policy ' || tablename || ' ' || policyname || ' ' || cmd || ' to ' || roles::text || ' using ' || coalesce(qual, '') || ' check ' || coalesce(with_check, '')
  FROM pg_policies WHERE schemaname = 'public'
  UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL SELECT 'function ' || pg_get_functiondef(oid) || ' grants ' || coalesce(proacl::text, '')
  FROM pg_proc WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT 'column grant ' || c.relname || '.' || a.attname || ' ' || a.attacl::text
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace AND a.attacl IS NOT NULL
  ORDER BY 1`;

/** A schema as lines that can be compared. */
export async function describeCatalog(client: pg.ClientBase): Promise<string[]> {
  const rows = await client.query<{ "?column?": string }>(CATALOG);
  return rows.rows.map((row) => Object.values(row)[0] as string);
}
