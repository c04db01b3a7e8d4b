import type pg from "pg";
import type { ServerAddress } from "../db/address.ts";
import { withClient } from "../db/connect.ts";
import { migrateUp } from "../db/migrate.ts";
import type { Migration } from "../db/migrations.ts";
import { ensureGroupRoles, ident, type Roles } from "../db/roles.ts";
import { sha256 } from "../ids.ts";

/** What a template is made of. */
export type TemplateSettings = { roles: Roles; migrations: Migration[] };

/** Held while the template is made, so that two commands make one. */
const TEMPLATE_LOCK = 7_242_002;

/** The template of a schema has its fingerprint in its name: another schema has another template. */
export function templateName({ roles, migrations }: TemplateSettings): string {
  const fingerprint = sha256(migrations.map((step) => step.checksum).join("\n")).slice(0, 12);
  return `${roles.owner.replace(/owner$/, "")}template_${migrations.length}_${fingerprint}`;
}

/**
 * Makes the template of this program's schema on a server that lacks it, and the group roles that own it:
 * aside, and then renamed, so that its name means it is whole. Nobody may connect to it, which is what
 * lets it be cloned at any time. `server` is where `client` is connected. Returns its name.
 */
export async function ensureTemplate(
  client: pg.ClientBase,
  server: ServerAddress,
  settings: TemplateSettings,
): Promise<string> {
  const name = templateName(settings);
  if (await databaseExists(client, name)) return name;
  await client.query("SELECT pg_advisory_lock($1)", [TEMPLATE_LOCK]);
  try {
    if (!(await databaseExists(client, name))) await makeTemplate(client, server, settings, name);
  } finally {
    await client.query("SELECT pg_advisory_unlock($1)", [TEMPLATE_LOCK]).catch(() => {});
  }
  return name;
}

async function makeTemplate(
  client: pg.ClientBase,
  server: ServerAddress,
  { roles, migrations }: TemplateSettings,
  name: string,
): Promise<void> {
  await ensureGroupRoles(client, roles);
  // What a killed maker left aside goes first, with its session if that still migrates.
  const aside = `${name}_making`;
  await client.query(`DROP DATABASE IF EXISTS ${ident(aside)} WITH (FORCE)`);
  await client.query(
    `CREATE DATABASE ${ident(aside)} OWNER ${ident(roles.owner)} TEMPLATE template0 ENCODING 'UTF8'`,
  );
  await client.query(`REVOKE ALL ON DATABASE ${ident(aside)} FROM PUBLIC`);
  await withClient({ ...server, database: aside }, "aliquot provisioning", async (made) => {
    await migrateUp(made, roles, migrations);
    await ensurePartitions(made);
  });
  await client.query(`ALTER DATABASE ${ident(aside)} ALLOW_CONNECTIONS false`);
  await client.query(`ALTER DATABASE ${ident(aside)} RENAME TO ${ident(name)}`);
}

/** Those of this month and the next: a clone then has only to make what came since. */
async function ensurePartitions(client: pg.ClientBase): Promise<void> {
  const found = await client.query("SELECT to_regprocedure('ensure_partitions()') IS NOT NULL AS found");
  if (found.rows[0]?.found === true) await client.query("SELECT ensure_partitions()");
}

/** True where the server has a database of this name. */
export async function databaseExists(client: pg.ClientBase, name: string): Promise<boolean> {
  const found = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [name]);
  return found.rowCount === 1;
}
