import type { Client } from "pg";
import type { ServerAddress } from "../address.ts";
import { BOOTSTRAP_MARK, refusal, withClient } from "./connect.ts";
import { codeOf, unavailable } from "./files.ts";

/** The application's role and the database it owns. */
export const ADMIN = "aliquot";

/**
 * Makes the application's role and database, or what is missing of them: every step may repeat, and the mark
 * comes last. Also gives the role the password of the home again where the file was lost or changed.
 * Throws `unavailable`, with what to do, where the superuser's password is not the server's.
 */
export async function bootstrap(
  superuser: ServerAddress,
  password: string,
  passwordFile: string,
): Promise<void> {
  try {
    await withClient(superuser, async (client) => {
      await makeRole(client, password);
      await makeDatabase(client);
    });
    await withClient({ ...superuser, database: ADMIN }, (client) =>
      client.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA public"),
    );
    await withClient(superuser, (client) => client.query(`COMMENT ON ROLE ${ADMIN} IS '${BOOTSTRAP_MARK}'`));
  } catch (error) {
    if (codeOf(error) !== "28P01") throw refusal(superuser, error);
    throw unavailable(
      `the password in ${passwordFile} is not that of the server's superuser: put the right file back from a backup, or start empty with \`aliquot down --purge\``,
      error,
    );
  }
}

async function makeRole(client: Client, password: string): Promise<void> {
  // pg_stat_statements keeps the text of such statements, password and all.
  await client.query("SET pg_stat_statements.track = 'none'");
  const { rowCount } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [ADMIN]);
  const verb = rowCount === 0 ? "CREATE" : "ALTER";
  await client.query(
    `${verb} ROLE ${ADMIN} LOGIN NOSUPERUSER CREATEDB CREATEROLE PASSWORD ${client.escapeLiteral(password)}`,
  );
  await client.query(`GRANT pg_monitor TO ${ADMIN} WITH ADMIN OPTION`);
}

/** Organizations' roles shall see no database that is not theirs; cloning template1 needs no connection to it. */
async function makeDatabase(client: Client): Promise<void> {
  const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [ADMIN]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${ADMIN} OWNER ${ADMIN}`);
  await client.query("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC");
}
