import { sql } from "kysely";
import type pg from "pg";
import { withClient } from "../src/db/connect.ts";
import { ensureServer } from "../src/db/embedded/server.ts";
import type { Lab } from "./lab.ts";

/** What submissions write, in the order of foreign keys: in the organization's database, and in the shared one. */
const SUBMITTED = [
  "molecules",
  "registrations",
  "batch_jobs",
  "jobs",
  "job_inputs",
  "tasks",
  "batch_items",
  "batch_progress",
  "job_events",
  "event_logs",
  "outbox",
];
const PROJECTED = ["jobs_meta", "task_queue"];
/** What the recording of dockings adds to jobs that are there. */
const STARTED = ["jobs", "tasks", "task_executions"];
const RECORDED = [
  "structures",
  "job_outputs",
  "task_results",
  "docking_results",
  "result_cache",
  "job_events",
  "event_logs",
  "outbox",
];

/** Columns that differ from the rows copied from; everything else is taken as it is. */
const FRESH: Record<string, string> = {
  registration_id: "new_id()",
  event_id: "new_id()",
  source_id: "new_id()",
  result_id: "new_id()",
  cache_key: "encode(sha256((signature || $1)::bytea), 'hex')",
  signature: "encode(sha256((signature || $1)::bytea), 'hex')",
};
/** Keys that follow their table: what was there before is referred to as it is. */
const KEYS: Record<string, string[]> = {
  molecules: ["molecule_id", "identity_key"],
  structures: ["structure_id", "pose_structure_id"],
  batch_jobs: ["batch_id"],
  jobs: ["job_id", "canonical_job_id"],
  jobs_meta: ["job_id"],
  task_executions: ["exec_id", "canonical_exec_id"],
};
let serial = 0;

export type Copied = { seconds: number; rows: Record<string, number> };

/** The lab's own databases by a superuser: no row security. */
export async function asSuperuser<T>(
  { context, home }: Lab,
  database: "results" | "metadata",
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const { superuser } = await ensureServer({ home: home.path });
  if (database === "metadata")
    return withClient({ ...superuser, database: context.admin.database }, "bench", work);
  const place = await context.metadata.system((tx) =>
    tx.selectFrom("org_databases").select("database_name").executeTakeFirstOrThrow(),
  );
  return withClient({ ...superuser, database: place.database_name }, "bench", work);
}

/** The server's time, to which later rows are told from earlier ones. */
export async function serverTime({ context }: Lab): Promise<string> {
  return context.metadata.system(async (tx) => {
    const { rows } = await sql<{ at: string }>`SELECT clock_timestamp()::text AS at`.execute(tx);
    return rows[0]?.at ?? "";
  });
}

/**
 * Writes the rows that were submitted since a time once more, by one INSERT … SELECT a table, as superuser (no row
 * security), in two transactions, one a database, which is as few as may be. Returns the seconds and the rows of
 * each table. Staging the rows to copy is not counted.
 */
export async function copyAsBareRows(lab: Lab, since: string): Promise<Copied> {
  const salt = `copy ${++serial}`;
  const copy = (tables: string[]) => (client: pg.Client) => copyTables(client, [], tables, since, salt);
  const results = await asSuperuser(lab, "results", copy(SUBMITTED));
  const metadata = await asSuperuser(lab, "metadata", copy(PROJECTED));
  return { seconds: results.seconds + metadata.seconds, rows: { ...results.rows, ...metadata.rows } };
}

/** The same for what the recording of dockings added since, in one transaction; their jobs are copied before the clock. */
export async function copyRecordedRows(lab: Lab, since: string): Promise<Copied> {
  const salt = `copy ${++serial}`;
  return asSuperuser(lab, "results", (client) => copyTables(client, STARTED, RECORDED, since, salt));
}

async function copyTables(
  client: pg.Client,
  before: string[],
  tables: string[],
  since: string,
  salt: string,
): Promise<Copied> {
  const changed: Record<string, string> = { ...FRESH };
  const texts = new Map<string, string>();
  for (const table of [...before, ...tables]) {
    await client.query(
      `CREATE TEMP TABLE staged_${table} AS SELECT * FROM ${table} WHERE created_at >= '${since}'`,
    );
    const { rows } = await client.query(`SELECT FROM staged_${table} LIMIT 1`);
    if (rows.length === 0) continue;
    for (const key of KEYS[table] ?? []) changed[key] = newKey(key);
    texts.set(table, await insertText(client, table, changed, salt));
  }
  const copied: Record<string, number> = {};
  const copy = async (table: string) => {
    const text = texts.get(table);
    if (text !== undefined) copied[table] = (await client.query(text)).rowCount ?? 0;
  };
  for (const table of before) await copy(table);
  const began = performance.now();
  await client.query("BEGIN");
  for (const table of tables) await copy(table);
  await client.query("COMMIT");
  return { seconds: (performance.now() - began) / 1000, rows: copied };
}

function newKey(column: string): string {
  return column === "identity_key" ? "md5(identity_key || $1)" : `md5(${column}::text || $1)::uuid`;
}

async function insertText(
  client: pg.Client,
  table: string,
  changed: Record<string, string>,
  salt: string,
): Promise<string> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
      AND attgenerated = '' AND attidentity = ''`,
    [table],
  );
  const names = rows.map(({ name }) => name);
  const values = names.map((name) => changed[name]?.replaceAll("$1", `'${salt}'`) ?? name);
  return `INSERT INTO ${table} (${names}) SELECT ${values} FROM staged_${table}`;
}
