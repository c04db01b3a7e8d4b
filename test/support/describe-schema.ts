import type { ServerAddress } from "../../src/db/address.ts";
import { withClient } from "../../src/db/connect.ts";
import { sha256 } from "../../src/ids.ts";

/** Tables without the partitions that are made by the month. */
const TABLES = `
  SELECT c.oid, c.relname AS name, c.relrowsecurity AS secured, c.relforcerowsecurity AS forced,
    obj_description(c.oid, 'pg_class') AS about
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname !~ '_[0-9]{4}_[0-9]{2}$'
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
  ORDER BY c.relname`;

const COLUMNS = `
  SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
    || CASE a.attidentity WHEN '' THEN '' ELSE ' identity' END
    || coalesce(CASE a.attgenerated WHEN 's' THEN ' generated ' ELSE ' default ' END || pg_get_expr(d.adbin, d.adrelid), '') AS line
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`;

// PostgreSQL 18 lists NOT NULL as constraints, 15 does not: the columns say it in both.
const CONSTRAINTS = `
  SELECT conname || ': ' || pg_get_constraintdef(oid) AS line FROM pg_constraint
  WHERE conrelid = $1 AND contype <> 'n' ORDER BY conname`;

const REFERENCED_BY = `
  SELECT conrelid::regclass || ': ' || pg_get_constraintdef(oid) AS line FROM pg_constraint
  WHERE confrelid = $1 AND contype = 'f' AND conrelid::regclass::text !~ '_[0-9]{4}_[0-9]{2}$' ORDER BY 1`;

const INDEXES = `
  SELECT pg_get_indexdef(indexrelid) AS line FROM pg_index WHERE indrelid = $1 ORDER BY indexrelid::regclass::text`;

const POLICIES = `
  SELECT polname || ': ' || CASE polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update'
      WHEN 'd' THEN 'delete' ELSE 'all' END
    || ' to ' || (SELECT string_agg(rolname, ', ' ORDER BY rolname) FROM pg_roles WHERE oid = ANY (polroles))
    || coalesce(' using ' || pg_get_expr(polqual, polrelid), '') || coalesce(' with check ' || pg_get_expr(polwithcheck, polrelid), '') AS line
  FROM pg_policy WHERE polrelid = $1 ORDER BY polname`;

const TRIGGERS = `
  SELECT pg_get_triggerdef(oid) AS line FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal ORDER BY tgname`;

const GRANTS = `
  SELECT r.rolname || ': ' || string_agg(lower(g.privilege_type) || g.of, ', ' ORDER BY g.of, g.privilege_type) AS line
  FROM (
    SELECT x.grantee, x.privilege_type, '' AS of FROM pg_class c, aclexplode(c.relacl) x WHERE c.oid = $1
    UNION ALL
    SELECT x.grantee, x.privilege_type, ' (' || a.attname || ')' FROM pg_attribute a, aclexplode(a.attacl) x WHERE a.attrelid = $1
  ) g JOIN pg_roles r ON r.oid = g.grantee
  WHERE r.rolname <> (SELECT rolname FROM pg_roles WHERE oid = (SELECT relowner FROM pg_class WHERE oid = $1))
  GROUP BY r.rolname ORDER BY r.rolname`;

const ROUTINES = `
  SELECT p.oid::regprocedure::text AS name, p.prosecdef AS definer, p.proconfig AS settings, p.prosrc AS source,
    obj_description(p.oid, 'pg_proc') AS about,
    coalesce((SELECT string_agg(coalesce(r.rolname, 'public'), ', ' ORDER BY r.rolname)
      FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) x LEFT JOIN pg_roles r ON r.oid = x.grantee
      WHERE x.grantee <> p.proowner), 'owner alone') AS who
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
  ORDER BY 1`;

type TableRow = { oid: number; name: string; secured: boolean; forced: boolean; about: string | null };
type RoutineRow = {
  name: string;
  definer: boolean;
  settings: string[] | null;
  source: string;
  about: string | null;
  who: string;
};

/**
 * A database's schema as text: tables with columns, constraints, who refers to them, indexes, policies,
 * triggers and grants; then routines with who may call them and a hash of their text.
 */
export async function describeSchema(superuser: ServerAddress, database: string): Promise<string> {
  return withClient({ ...superuser, database }, "aliquot tests", async (client) => {
    const lines: string[] = [];
    const tables = await client.query<TableRow>(TABLES);
    for (const table of tables.rows) {
      lines.push(`table ${table.name}: ${table.about ?? "NO COMMENT"}`);
      lines.push(`  row security: ${table.forced ? "forced" : table.secured ? "enabled" : "NONE"}`);
      for (const [title, text] of SECTIONS) {
        const rows = await client.query<{ line: string }>(text, [table.oid]);
        if (rows.rows.length > 0)
          lines.push(`  ${title}:`, ...rows.rows.map((row) => `    ${oneLine(row.line)}`));
      }
      lines.push("");
    }
    const routines = await client.query<RoutineRow>(ROUTINES);
    for (const { name, definer, settings, source, about, who } of routines.rows) {
      lines.push(`routine ${name}: ${about ?? "(trigger function)"}`);
      lines.push(`  ${definer ? "security definer" : "security invoker"}; called by ${who}`);
      if (settings !== null) lines.push(`  ${settings.join("; ")}`);
      lines.push(`  text ${sha256(source).slice(0, 16)}`, "");
    }
    return `${lines.join("\n").trimEnd()}\n`;
  });
}

const SECTIONS = [
  ["columns", COLUMNS],
  ["constraints", CONSTRAINTS],
  ["referenced by", REFERENCED_BY],
  ["indexes", INDEXES],
  ["policies", POLICIES],
  ["triggers", TRIGGERS],
  ["grants", GRANTS],
] as const;

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
