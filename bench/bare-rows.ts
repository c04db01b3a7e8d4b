import { withClient } from "../src/db/connect.ts";
import { ensureServer } from "../src/db/embedded/server.ts";
import type { Lab } from "./lab.ts";

/** What a submission of xtb jobs writes in the organization's database, in the order of its foreign keys. */
const RESULTS = ["molecules", "registrations", "jobs", "job_inputs", "tasks", "job_events", "outbox"];
const METADATA = ["jobs_meta", "task_queue"];

/** Columns that must differ from the rows copied from; everything else is taken as it is. */
const NEW: Record<string, string> = {
  molecule_id: "md5(molecule_id::text || $1)::uuid",
  identity_key: "md5(identity_key || $1)",
  registration_id: "new_id()",
  job_id: "md5(job_id::text || $1)::uuid",
  source_id: "new_id()",
};
let serial = 0;

/**
 * Writes the rows of the last submission once more by one INSERT … SELECT a table, as superuser (no row
 * security), two transactions as the real one has. Returns the seconds. Staging the rows to copy is not counted.
 */
export async function copyAsBareRows({ context, home }: Lab): Promise<number> {
  const { superuser } = await ensureServer({ home: home.path });
  const place = await context.metadata.system((tx) =>
    tx.selectFrom("org_databases").select("database_name").executeTakeFirstOrThrow(),
  );
  const salt = `copy ${++serial}`;
  const results = await copy({ ...superuser, database: place.database_name }, RESULTS, salt);
  return results + (await copy({ ...superuser, database: context.admin.database }, METADATA, salt));
}

async function copy(
  address: Parameters<typeof withClient>[0],
  tables: string[],
  salt: string,
): Promise<number> {
  return withClient(address, "bench", async (client) => {
    const statements: string[] = [];
    for (const table of tables) {
      await client.query(`CREATE TEMP TABLE staged_${table} AS SELECT * FROM ${table}
        WHERE created_at = (SELECT max(created_at) FROM ${table} WHERE ${table === "outbox" ? "topic = 'job'" : "true"})`);
      const { rows } = await client.query<{ name: string }>(
        `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
          AND attgenerated = '' AND attidentity = ''`,
        [table],
      );
      const names = rows.map(({ name }) => name);
      const values = names.map((name) => NEW[name]?.replaceAll("$1", `'${salt}'`) ?? name);
      statements.push(`INSERT INTO ${table} (${names}) SELECT ${values} FROM staged_${table}`);
    }
    const began = performance.now();
    await client.query("BEGIN");
    for (const statement of statements) await client.query(statement);
    await client.query("COMMIT");
    return (performance.now() - began) / 1000;
  });
}
