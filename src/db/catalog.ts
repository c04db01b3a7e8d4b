import type pg from "pg";

/** Partitions that are made by the month come and go with the rows. */
const OURS = `c.relnamespace = 'public'::regnamespace AND NOT (c.relispartition AND c.relname ~ '_[0-9]{4}_[0-9]{2}$')`;

/**
 * One line for each thing in schema public: tables and views, columns, constraints, indexes, policies, grants,
 * triggers, functions, sequences, types. Not the order of columns: a column that comes back comes last.
 * NOT NULL is told by the columns: PostgreSQL 18 lists it among the constraints too, 15 does not.
 */
const CATALOG = `
  SELECT 'column ' || c.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
    || CASE a.attidentity WHEN '' THEN '' WHEN 'a' THEN ' identity always' ELSE ' identity by default' END
    || coalesce(CASE a.attgenerated WHEN '' THEN ' default ' ELSE ' generated ' END || pg_get_expr(d.adbin, d.adrelid), '')
    || CASE WHEN a.attcollation = t.typcollation THEN '' ELSE ' collate ' || a.attcollation::regcollation END
    || CASE WHEN a.attstorage = t.typstorage THEN '' ELSE ' storage ' || a.attstorage::text END
    || coalesce(' -- ' || col_description(c.oid, a.attnum), '') AS line
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'c') AND ${OURS}
  UNION ALL
  SELECT 'table ' || c.relname || ' kind ' || c.relkind::text || ' rls ' || c.relrowsecurity || ' forced ' || c.relforcerowsecurity
    || ' owner ' || pg_get_userbyid(c.relowner) || coalesce(' with ' || array_to_string(c.reloptions, ', '), '')
    || coalesce(' partition by ' || pg_get_partkeydef(c.oid), '') || coalesce(' partition ' || pg_get_expr(c.relpartbound, c.oid), '')
    || CASE WHEN c.relkind IN ('v', 'm') THEN ' as ' || pg_get_viewdef(c.oid) ELSE '' END
    || coalesce(' -- ' || obj_description(c.oid, 'pg_class'), '')
  FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm') AND ${OURS}
  UNION ALL
  SELECT 'grant ' || c.relname || ' ' || x.privilege_type || ' to ' || coalesce(r.rolname, 'public')
    || CASE WHEN x.is_grantable THEN ' grantable' ELSE '' END
  FROM pg_class c CROSS JOIN aclexplode(c.relacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee WHERE ${OURS}
  UNION ALL
  SELECT 'grant ' || c.relname || '.' || a.attname || ' ' || x.privilege_type || ' to ' || coalesce(r.rolname, 'public')
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped CROSS JOIN aclexplode(a.attacl) x
  LEFT JOIN pg_roles r ON r.oid = x.grantee WHERE ${OURS}
  UNION ALL
  SELECT 'sequence ' || c.relname || ' ' || format_type(s.seqtypid, NULL) || ' start ' || s.seqstart || ' by ' || s.seqincrement
    || ' from ' || s.seqmin || ' to ' || s.seqmax || CASE WHEN s.seqcycle THEN ' cycle' ELSE '' END
    || coalesce(' owned by ' || (SELECT o.refobjid::regclass || '.' || a.attname FROM pg_depend o
         JOIN pg_attribute a ON a.attrelid = o.refobjid AND a.attnum = o.refobjsubid
         WHERE o.objid = c.oid AND o.deptype IN ('a', 'i') LIMIT 1), '')
  FROM pg_class c JOIN pg_sequence s ON s.seqrelid = c.oid WHERE ${OURS}
  UNION ALL
  SELECT 'constraint ' || c.relname || ' ' || k.conname || ' ' || pg_get_constraintdef(k.oid)
    || CASE WHEN k.convalidated THEN '' ELSE ' (not validated)' END || coalesce(' -- ' || obj_description(k.oid, 'pg_constraint'), '')
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid WHERE k.contype <> 'n' AND ${OURS}
  UNION ALL
  SELECT 'index ' || pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' (invalid)' END
    || CASE WHEN i.indisclustered THEN ' clustered' ELSE '' END || CASE WHEN i.indisreplident THEN ' replica identity' ELSE '' END
    || coalesce(' -- ' || obj_description(i.indexrelid, 'pg_class'), '')
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE ${OURS}
  UNION ALL
  SELECT 'policy ' || c.relname || ' ' || p.polname || ' ' || p.polcmd::text || CASE WHEN p.polpermissive THEN '' ELSE ' restrictive' END
    || ' to ' || coalesce((SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM pg_roles WHERE oid = ANY (p.polroles)), 'public')
    || coalesce(' using ' || pg_get_expr(p.polqual, p.polrelid), '') || coalesce(' check ' || pg_get_expr(p.polwithcheck, p.polrelid), '')
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid WHERE ${OURS}
  UNION ALL
  SELECT 'trigger ' || pg_get_triggerdef(t.oid) || ' enabled ' || t.tgenabled::text || coalesce(' -- ' || obj_description(t.oid, 'pg_trigger'), '')
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal AND ${OURS}
  UNION ALL
  SELECT 'rule ' || pg_get_ruledef(w.oid) FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class
  WHERE w.rulename <> '_RETURN' AND ${OURS}
  UNION ALL
  SELECT 'routine ' || p.oid::regprocedure || ' ' || CASE WHEN p.prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END
    || ' owner ' || pg_get_userbyid(p.proowner) || coalesce(' -- ' || obj_description(p.oid, 'pg_proc'), '')
  FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
  UNION ALL
  SELECT 'grant ' || p.oid::regprocedure || ' ' || x.privilege_type || ' to ' || coalesce(r.rolname, 'public')
  FROM pg_proc p CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x LEFT JOIN pg_roles r ON r.oid = x.grantee
  WHERE p.pronamespace = 'public'::regnamespace
  UNION ALL
  SELECT 'type ' || t.typname || ' ' || t.typtype::text
    || coalesce(' of ' || (SELECT string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid), '')
    || coalesce(' ' || (SELECT string_agg(pg_get_constraintdef(k.oid), ', ' ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid), '')
  FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r')
  UNION ALL
  SELECT 'statistics ' || pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s WHERE s.stxnamespace = 'public'::regnamespace
  UNION ALL
  SELECT 'schema grant ' || x.privilege_type || ' to ' || coalesce(r.rolname, 'public')
  FROM pg_namespace n CROSS JOIN aclexplode(n.nspacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee WHERE n.nspname = 'public'
  ORDER BY 1`;

/** A schema as lines that can be compared. */
export async function describeCatalog(client: pg.ClientBase): Promise<string[]> {
  return (await client.query<{ line: string }>(CATALOG)).rows.map((row) => row.line);
}

/** What two such descriptions do not have in common. */
export function compareCatalogs(before: string[], after: string[]): string[] {
  const [old, young] = [new Set(before), new Set(after)];
  return [
    ...before.filter((line) => !young.has(line)).map((line) => `gone: ${line}`),
    ...after.filter((line) => !old.has(line)).map((line) => `new: ${line}`),
  ];
}
