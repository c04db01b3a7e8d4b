import type pg from "pg";

export type FillColumn = {
  name: string;
  /** As in a cast. */
  type: string;
  /** Base of a domain and element of an array: what candidates are chosen by. */
  base: string;
  array: boolean;
  not_null: boolean;
  /** Expression of the default; null where there is none. */
  default: string | null;
  labels: string[] | null;
};

export type FillCheck = { text: string; columns: string[] };

export type FillKey = { columns: string[]; table: string; target_columns: string[] };

/** A table as whoever writes rows into it has to know it. */
export type FillTable = { name: string; columns: FillColumn[]; checks: FillCheck[]; keys: FillKey[] };

/** Columns that somebody may write: none that the table makes itself. */
const COLUMNS = `
  SELECT c.relname AS "table", a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
    coalesce(nullif(e.typbasetype, 0), nullif(b.typelem, 0), nullif(t.typbasetype, 0), t.oid)::regtype::text AS base,
    (CASE WHEN t.typtype = 'd' THEN b.typcategory ELSE t.typcategory END) = 'A' AS "array",
    a.attnotnull OR t.typnotnull AS not_null, pg_get_expr(d.adbin, d.adrelid) AS "default",
    (SELECT array_agg(l.enumlabel::text ORDER BY l.enumsortorder) FROM pg_enum l
     WHERE l.enumtypid = coalesce(nullif(b.typelem, 0), b.oid)) AS labels
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  JOIN pg_type b ON b.oid = coalesce(nullif(t.typbasetype, 0), t.oid)
  LEFT JOIN pg_type e ON e.oid = b.typelem AND b.typcategory = 'A'
  LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname <> 'schema_migrations' AND a.attgenerated = '' AND a.attidentity <> 'a'
  ORDER BY c.relname, a.attnum`;

const CHECKS = `
  SELECT c.relname AS "table", pg_get_expr(k.conbin, k.conrelid) AS text,
    ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (k.conkey) ORDER BY a.attnum) AS columns
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
  WHERE k.contype = 'c' AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition`;

const KEYS = `
  SELECT c.relname AS "table", f.relname AS target,
    ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (n, o)
          JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.o) AS columns,
    ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u (n, o)
          JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.o) AS target_columns
  FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
  WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relnamespace = 'public'::regnamespace AND NOT c.relispartition`;

type Of<T> = T & { table: string };

/** Every table of schema public but the ledger, with what its rows must obey. */
export async function readFillTables(client: pg.ClientBase): Promise<FillTable[]> {
  const columns = await client.query<Of<FillColumn>>(COLUMNS);
  const checks = await client.query<Of<FillCheck>>(CHECKS);
  const keys = await client.query<Of<{ target: string; columns: string[]; target_columns: string[] }>>(KEYS);
  const tables = new Map<string, FillTable>();
  for (const { table, ...column } of columns.rows) {
    const known = tables.get(table) ?? { name: table, columns: [], checks: [], keys: [] };
    known.columns.push(column);
    tables.set(table, known);
  }
  for (const { table, ...check } of checks.rows) tables.get(table)?.checks.push(check);
  for (const { table, target, ...key } of keys.rows) tables.get(table)?.keys.push({ ...key, table: target });
  return [...tables.values()];
}
