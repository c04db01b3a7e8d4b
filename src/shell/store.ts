import pg from "pg";

type Client = pg.Client;

/** What one statement answered. */
export type ShellResult = {
  /** SELECT, UPDATE, CREATE …, as the server says it. */
  command: string;
  /** Rows that it read or changed; null where it does neither. */
  row_count: number | null;
  columns: { name: string; type: number }[];
  rows: unknown[][];
};

/** Who a transaction is: a role, and the settings that policies read. */
export type ShellRole = {
  role: string;
  viewer: { user_id: string; org_id: string | null; is_org_admin: boolean };
};

export async function beginAs(client: Client, { role, viewer }: ShellRole): Promise<void> {
  await client.query("BEGIN");
  await client.query(
    `SELECT set_config('role', $1, true), set_config('app.current_org_id', $2, true),
       set_config('app.current_user_id', $3, true), set_config('app.is_org_admin', $4, true)`,
    [role, viewer.org_id ?? "", viewer.user_id, viewer.is_org_admin ? "on" : "off"],
  );
}

export async function commit(client: Client): Promise<void> {
  await client.query("COMMIT");
}

export async function rollback(client: Client): Promise<void> {
  await client.query("ROLLBACK");
}

/** Runs one statement of a person's. The extended protocol takes no second one, however it is hidden. */
export async function runStatement(
  client: Client,
  text: string,
  types: pg.CustomTypesConfig,
): Promise<ShellResult> {
  const query = { text, rowMode: "array" as const, queryMode: "extended" as const, types };
  const answer = (await client.query(query)) as unknown as pg.QueryArrayResult<unknown[]>;
  return {
    command: answer.command ?? "",
    row_count: answer.rowCount,
    columns: answer.fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID })),
    rows: answer.rows,
  };
}

/** Asks the server to stop what another of our connections runs. */
export async function cancelBackend(client: Client, processId: number): Promise<void> {
  await client.query("SELECT pg_cancel_backend($1)", [processId]);
}

/** For \d: tables, views and sequences, with what they are for. */
export const LIST_RELATIONS = `
  SELECT c.relname AS name,
    CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
      WHEN 'm' THEN 'materialized view' ELSE 'sequence' END AS kind,
    split_part(obj_description(c.oid, 'pg_class'), E'\\n', 1) AS about
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm', 'S') AND NOT c.relispartition
  ORDER BY 1`;

/** For \d TABLE: its columns. The name is looked up as SQL would, so it throws where there is none. */
export function describeRelation(name: string): string {
  return `SELECT a.attname AS "column", format_type(a.atttypid, a.atttypmod) AS type,
      CASE WHEN a.attnotnull THEN 'not null' ELSE '' END AS "null",
      coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS "default",
      coalesce(col_description(a.attrelid, a.attnum), '') AS about
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = ${pg.escapeLiteral(name)}::regclass AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum`;
}
