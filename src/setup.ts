import type pg from "pg";
import type { ServerAddress } from "./db/address.ts";
import { withClient } from "./db/connect.ts";
import { placeOf } from "./db/ledger.ts";
import type { MetadataDoor } from "./db/metadata.ts";
import { type MigrateOptions, migrateUp } from "./db/migrate.ts";
import type { Migration } from "./db/migrations.ts";
import { isForbidden, isPasswordRefused } from "./db/postgres-errors.ts";
import {
  closeDatabase,
  ensureGroupRoles,
  ensureLoginRole,
  hasRole,
  ident,
  joinGroups,
  type Roles,
} from "./db/roles.ts";
import type { Step } from "./db/step.ts";
import type { SchemaPlace } from "./db/window.ts";
import { AppError } from "./errors.ts";
import type { Secret } from "./secrets.ts";
import { derivePassword } from "./secrets.ts";

export type SetupSettings = {
  admin: ServerAddress;
  roles: Roles;
  secret: Secret;
  migrations: Migration[];
};

const SETUP_LOCK = 7_242_003;

/** Password of the metadata database's login role. */
export function appPassword(secret: Secret): Secret {
  return derivePassword(secret, "metadata:1");
}

/**
 * Gives the metadata database's login role the password of today's key: after the key was changed nobody else
 * could. Throws AppError unavailable.
 */
export async function repairAppLogin(
  settings: Pick<SetupSettings, "admin" | "roles" | "secret">,
): Promise<void> {
  const { admin, roles, secret } = settings;
  await withClient(admin, "aliquot setup", async (client) => {
    await ensureGroupRoles(client, roles);
    await ensureLoginRole(client, roles, { name: roles.app, password: appPassword(secret) });
  });
}

/**
 * Nothing of an installation is changed by who has another key than the one it was made with: its login role is
 * there and refuses our password. Throws AppError unavailable.
 */
export async function checkAppLogin(
  settings: Pick<SetupSettings, "admin" | "roles" | "secret">,
): Promise<void> {
  await withClient(settings.admin, "aliquot setup", (client) => knowsAppLogin(client, settings));
}

/** True where the login role is there and takes our password; false where it is missing. Errors as above. */
async function knowsAppLogin(
  client: pg.ClientBase,
  { admin, roles, secret }: Pick<SetupSettings, "admin" | "roles" | "secret">,
): Promise<boolean> {
  if (!(await hasRole(client, roles.app))) return false;
  const login = { ...admin, user: roles.app, password: appPassword(secret).reveal() };
  try {
    await withClient(login, "aliquot setup", async () => {});
  } catch (error) {
    if (isPasswordRefused(error)) throw otherKey(error);
    // Let in by its password, and not yet allowed to connect: that is what preparing is for.
    if (!isForbidden(error)) throw error;
  }
  return true;
}

function otherKey(cause: unknown): AppError {
  return new AppError(
    "unavailable",
    "ALIQUOT_SECRET_KEY is not the one this installation was made with: give that one; where it was changed on purpose, `aliquot org rotate-credentials --all` sets new passwords",
    { cause },
  );
}

/**
 * Makes the metadata database ready: roles, who may connect, schema. Repeating it changes nothing;
 * two at once wait for each other. The password of a login role that is there already is left alone
 * (`repairAppLogin`). Returns the migrations that were applied. Throws AppError unavailable (another key than
 * the installation's, among others) before anything is changed.
 */
export async function prepareMetadata(
  settings: SetupSettings,
  options: MigrateOptions = {},
): Promise<Step[]> {
  const { admin, roles, secret, migrations } = settings;
  return withClient(admin, "aliquot setup", async (client) => {
    await client.query("SELECT pg_advisory_lock($1)", [SETUP_LOCK]);
    const known = await knowsAppLogin(client, settings);
    await ensureGroupRoles(client, roles);
    if (known) await joinGroups(client, roles, roles.app);
    else await ensureLoginRole(client, roles, { name: roles.app, password: appPassword(secret) });
    await closeDatabase(client, roles, admin.database, roles.app);
    await client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${ident(roles.owner)}`);
    await client.query(`GRANT USAGE ON SCHEMA public TO ${ident(roles.system)}, ${ident(roles.member)}`);
    return migrateUp(client, roles, migrations, options);
  });
}

/**
 * How far the metadata database is, as the login role sees it; undefined where nobody seeded it yet, because a
 * preparation that was killed between the two is not done. Roles of the system tell: they come and go with all
 * seeds, and people can't rename them.
 */
export async function metadataPlace(metadata: MetadataDoor): Promise<SchemaPlace | undefined> {
  return metadata.system(async (tx) => {
    const ledger = await tx
      .selectFrom("schema_migrations")
      .select(["version", "breaking"])
      .orderBy("version")
      .execute();
    const seeded = await tx
      .selectFrom("roles")
      .select("role_id")
      .where("org_id", "is", null)
      .limit(1)
      .executeTakeFirst();
    return seeded === undefined ? undefined : placeOf(ledger);
  });
}

/** What doctor reports of a server that is not ours to change. */
export type ServerReport = {
  version: string;
  /** Whether the login of DATABASE_URL may make databases and roles. */
  may_provision: boolean;
  /** Databases, of those that every server has, that any login may enter: organizations' too. */
  open_databases: string[];
};

/** Looks at a server as its administrator. Throws AppError unavailable. */
export async function inspectServer(admin: ServerAddress): Promise<ServerReport> {
  return withClient(admin, "aliquot doctor", async (client) => {
    const row = await client.query<ServerReport>(
      `SELECT current_setting('server_version') AS version,
         (SELECT rolsuper OR (rolcreatedb AND rolcreaterole) FROM pg_roles WHERE rolname = current_user) AS may_provision,
         ARRAY(SELECT datname::text FROM pg_database WHERE datname IN ('postgres', 'template1')
           AND has_database_privilege('public', oid, 'CONNECT') ORDER BY datname) AS open_databases`,
    );
    return row.rows[0] ?? { version: "", may_provision: false, open_databases: [] };
  });
}
