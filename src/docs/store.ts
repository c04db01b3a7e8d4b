import type pg from "pg";
import type { Roles } from "../db/roles.ts";
import type {
  Column,
  Constraint,
  Grant,
  Index,
  Partition,
  Policy,
  RoleName,
  Routine,
  Table,
  Things,
  Trigger,
  View,
} from "./schema.ts";

/** A thing of a table or view, with the name of what it is of. */
type Of<T> = T & { of: string };

// Names are of type name, which sorts by code points whatever the database's collation: the same order everywhere.
const RELATIONS = `
  SELECT c.relname AS name, c.relkind AS kind, obj_description(c.oid, 'pg_class') AS about,
    CASE WHEN c.relforcerowsecurity AND c.relrowsecurity THEN 'forced' WHEN c.relrowsecurity THEN 'enabled' ELSE 'none' END AS row_security,
    CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END AS partition_key,
    CASE WHEN c.relkind = 'v' THEN pg_get_viewdef(c.oid, true) END AS definition,
    coalesce(c.reloptions, '{}') AS options
  FROM pg_class c
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  ORDER BY c.relname`;

// Partitions by the month come and go; the others are part of the schema.
const PARTITIONS = `
  SELECT i.inhparent::regclass::text AS of, c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
  FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
  WHERE c.relnamespace = 'public'::regnamespace AND c.relispartition AND c.relkind = 'r' AND c.relname !~ '_[0-9]{4}_[0-9]{2}$'
  ORDER BY c.relname`;

const COLUMNS = `
  SELECT c.relname AS of, a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, NOT a.attnotnull AS nullable,
    pg_get_expr(d.adbin, d.adrelid) AS value,
    CASE WHEN a.attidentity <> '' THEN 'identity' WHEN a.attgenerated <> '' THEN 'generated'
         WHEN d.adbin IS NOT NULL THEN 'default' END AS filled,
    col_description(c.oid, a.attnum) AS about
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
  ORDER BY c.relname, a.attnum`;

// PostgreSQL 18 lists NOT NULL as constraints, 15 does not: the columns say it in both.
const CONSTRAINTS = `
  SELECT c.relname AS of, k.conname AS name, k.contype AS kind, pg_get_constraintdef(k.oid) AS definition,
    ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(num, place)
      JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.place) AS columns,
    (SELECT f.relname FROM pg_class f WHERE f.oid = k.confrelid) AS target,
    CASE k.confdeltype WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' WHEN 'd' THEN 'set default' END AS on_delete
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND k.contype IN ('p', 'u', 'c', 'f', 'x')
  ORDER BY c.relname, k.conname`;

const INDEXES = `
  SELECT c.relname AS of, x.relname AS name, i.indisunique AS unique, pg_get_indexdef(x.oid) AS definition,
    EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.oid AND k.contype IN ('p', 'u', 'x')) AS of_constraint
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
  WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
  ORDER BY c.relname, x.relname`;

const POLICIES = `
  SELECT c.relname AS of, p.polname AS name, p.polpermissive AS permissive,
    CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' WHEN 'd' THEN 'delete' ELSE 'all' END AS command,
    ARRAY(SELECT coalesce(r.rolname::text, 'public') FROM unnest(p.polroles) AS u(oid) LEFT JOIN pg_roles r ON r.oid = u.oid ORDER BY 1) AS roles,
    pg_get_expr(p.polqual, p.polrelid) AS using, pg_get_expr(p.polwithcheck, p.polrelid) AS check
  FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
  WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
  ORDER BY c.relname, p.polname`;

const TRIGGERS = `
  SELECT c.relname AS of, t.tgname AS name, pg_get_triggerdef(t.oid) AS when, p.proname AS routine
  FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
  WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition AND NOT t.tgisinternal
  ORDER BY c.relname, t.tgname`;

const GRANTS = `
  SELECT g.of, coalesce(r.rolname::text, 'public') AS role, lower(g.privilege_type) AS privilege,
    coalesce(array_agg(g.attname::text ORDER BY g.attnum) FILTER (WHERE g.attname IS NOT NULL), '{}') AS columns
  FROM (
    SELECT c.relname AS of, c.relowner, x.grantee, x.privilege_type, NULL::name AS attname, 0 AS attnum
    FROM pg_class c, aclexplode(c.relacl) x WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
    UNION ALL
    SELECT c.relname, c.relowner, x.grantee, x.privilege_type, a.attname, a.attnum
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid, aclexplode(a.attacl) x
    WHERE c.relnamespace = 'public'::regnamespace AND NOT c.relispartition
  ) g LEFT JOIN pg_roles r ON r.oid = g.grantee
  WHERE g.grantee <> g.relowner
  GROUP BY g.of, r.rolname, g.privilege_type, g.attname IS NULL
  ORDER BY g.of, r.rolname, g.privilege_type, g.attname IS NULL DESC`;

const ROUTINES = `
  SELECT p.proname AS name, pg_get_function_arguments(p.oid) AS arguments, p.prosecdef AS definer,
    coalesce(pg_get_function_sqlbody(p.oid), p.prosrc) AS body,
    coalesce(p.proconfig, '{}') AS settings,
    CASE WHEN p.prorettype = 'trigger'::regtype THEN 'trigger' WHEN p.prokind = 'p' THEN 'procedure' ELSE 'function' END AS kind,
    pg_get_function_result(p.oid) AS returns,
    CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END AS volatility,
    obj_description(p.oid, 'pg_proc') AS about,
    ARRAY(SELECT coalesce(r.rolname::text, 'public') FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x
      LEFT JOIN pg_roles r ON r.oid = x.grantee WHERE x.grantee <> p.proowner ORDER BY 1) AS callers
  FROM pg_proc p
  WHERE p.pronamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  ORDER BY p.proname, pg_get_function_arguments(p.oid) COLLATE "C"`;

type RelationRow = Omit<View, "columns" | "grants"> &
  Pick<Table, "row_security" | "partition_key"> & { kind: "r" | "p" | "v" };

/**
 * Reads what a database's schema is made of, in an order that no collation changes and with roles under
 * their names without the installation's prefix. Needs nothing but to connect.
 */
export async function selectThings(client: pg.ClientBase, roles: Roles): Promise<Things> {
  const rows = async <R extends object>(text: string): Promise<R[]> => (await client.query<R>(text)).rows;
  const name = (role: string): RoleName => plainRole(role, roles);
  const relations = await rows<RelationRow>(RELATIONS);
  const partitions = await rows<Of<Partition>>(PARTITIONS);
  const columns = await rows<Of<Column>>(COLUMNS);
  const constraints = await rows<Of<Constraint>>(CONSTRAINTS);
  const indexes = await rows<Of<Index>>(INDEXES);
  const triggers = await rows<Of<Trigger>>(TRIGGERS);
  const policies = (await rows<Of<Policy>>(POLICIES)).map((row) => ({ ...row, roles: row.roles.map(name) }));
  const grants = (await rows<Of<Grant>>(GRANTS)).map((row) => ({ ...row, role: name(row.role) }));
  const routines = await rows<Routine>(ROUTINES);
  return {
    tables: relations
      .filter(({ kind }) => kind !== "v")
      .map(({ name: of, about, row_security, partition_key }) => ({
        name: of,
        about,
        row_security,
        partition_key,
        partitions: own(partitions, of),
        columns: own(columns, of),
        constraints: own(constraints, of),
        indexes: own(indexes, of),
        policies: own(policies, of),
        triggers: own(triggers, of),
        grants: own(grants, of),
      })),
    views: relations
      .filter(({ kind }) => kind === "v")
      .map(({ name: of, about, options, definition }) => ({
        name: of,
        about,
        options,
        definition: plainView(definition),
        columns: own(columns, of),
        grants: own(grants, of),
      })),
    routines: routines.map((row) => ({ ...row, callers: row.callers.map(name) })),
  };
}

function own<T extends object>(all: Of<T>[], of: string): Omit<Of<T>, "of">[] {
  return all.filter((row) => row.of === of).map(({ of: _, ...rest }) => rest);
}

function plainRole(role: string, roles: Roles): RoleName {
  for (const plain of ["owner", "system", "member"] as const) if (roles[plain] === role) return plain;
  return role as RoleName;
}

/** A view's text. PostgreSQL before 16 puts the table before each column even where there is only one table. */
export function plainView(definition: string): string {
  const tables = [...definition.matchAll(/\b(?:FROM|JOIN)\s+(\w+)/g)].map((match) => match[1] ?? "");
  const [only = ""] = tables;
  return tables.length === 1
    ? definition.replaceAll(new RegExp(`\\b${only}\\.(?=\\w)`, "g"), "")
    : definition;
}
