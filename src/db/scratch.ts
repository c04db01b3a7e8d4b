import type pg from "pg";
import { AppError } from "../errors.ts";
import { newId } from "../ids.ts";
import type { ServerAddress } from "./address.ts";
import { withClient } from "./connect.ts";
import { migrateUp } from "./migrate.ts";
import type { Migration } from "./migrations.ts";
import { isForbidden } from "./postgres-errors.ts";
import { ensureGroupRoles, ident, type Roles } from "./roles.ts";

const NAME = "aliquot scratch";

/**
 * Lends a connection to a new database that has these migrations, and drops it afterwards, whatever happens.
 * The group roles are made where they are missing. Throws AppError unavailable (no server, or an administrator
 * who may not make databases), and what a migration throws.
 */
export async function withScratchSchema<T>(
  { admin, roles, migrations }: { admin: ServerAddress; roles: Roles; migrations: Migration[] },
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  return withScratchDatabase(admin, roles, "scratch", async (scratch) => {
    await migrateUp(scratch, roles, migrations);
    return work(scratch);
  });
}

/** What the names of scratch databases begin with. */
const KINDS = ["scratch", "migrate_test"] as const;

/**
 * The same with an empty database. Those that a killed run left are dropped first. Throws AppError unavailable,
 * and what `work` throws.
 */
export async function withScratchDatabase<T>(
  admin: ServerAddress,
  roles: Roles,
  kind: (typeof KINDS)[number],
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const database = `${kind}_${newId().replaceAll("-", "")}`;
  return withClient(admin, NAME, async (client) => {
    await ensureGroupRoles(client, roles);
    await dropLeftovers(client, roles);
    await createDatabase(client, database, roles);
    try {
      return await withClient({ ...admin, database }, NAME, work);
    } finally {
      await client.query(`DROP DATABASE IF EXISTS ${ident(database)} WITH (FORCE)`);
    }
  });
}

const LEFT_AFTER_MS = 60 * 60 * 1000;

/** Drops scratch databases of this installation that are older than an hour and that nobody is in. */
async function dropLeftovers(client: pg.ClientBase, roles: Roles): Promise<void> {
  const found = await client.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database d
     WHERE datname ~ $1 AND datdba = (SELECT oid FROM pg_roles WHERE rolname = $2)
       AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)`,
    [`^(${KINDS.join("|")})_[0-9a-f]{32}$`, roles.owner],
  );
  // A UUIDv7 begins with the time of its making.
  const madeAt = (name: string) => Number.parseInt(name.slice(-32, -20), 16);
  for (const { name } of found.rows) {
    if (madeAt(name) > Date.now() - LEFT_AFTER_MS) continue;
    // Somebody else may be quicker, or may have gone in: then it stays until the next time.
    await client.query(`DROP DATABASE IF EXISTS ${ident(name)}`).catch(() => {});
  }
}

async function createDatabase(client: pg.ClientBase, database: string, roles: Roles): Promise<void> {
  try {
    await client.query(
      `CREATE DATABASE ${ident(database)} OWNER ${ident(roles.owner)} TEMPLATE template0 ENCODING 'UTF8'`,
    );
    // A new database is open to every login of the server.
    await client.query(`REVOKE ALL ON DATABASE ${ident(database)} FROM PUBLIC`);
  } catch (cause) {
    if (!isForbidden(cause)) throw cause;
    throw new AppError(
      "unavailable",
      "the database's administrator may not make databases, and this needs one for a moment: give the role of DATABASE_URL CREATEDB",
      { cause },
    );
  }
}
