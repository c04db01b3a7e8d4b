import type { ServerAddress } from "./db/address.ts";
import { withClient } from "./db/connect.ts";
import type { MetadataDoor } from "./db/metadata.ts";
import { migrateUp, type Step } from "./db/migrate.ts";
import type { Migration } from "./db/migrations.ts";
import { closeDatabase, ensureGroupRoles, ensureLoginRole, ident, type Roles } from "./db/roles.ts";
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
 * Makes the metadata database ready: roles, who may connect, schema. Repeating it changes nothing;
 * two at once wait for each other. Returns the migrations that were applied.
 */
export async function prepareMetadata(settings: SetupSettings): Promise<Step[]> {
  const { admin, roles, secret, migrations } = settings;
  return withClient(admin, "aliquot setup", async (client) => {
    await client.query("SELECT pg_advisory_lock($1)", [SETUP_LOCK]);
    await ensureGroupRoles(client, roles);
    await ensureLoginRole(client, roles, { name: roles.app, password: appPassword(secret) });
    await closeDatabase(client, roles, admin.database, roles.app);
    await client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${ident(roles.owner)}`);
    await client.query(`GRANT USAGE ON SCHEMA public TO ${ident(roles.system)}, ${ident(roles.member)}`);
    return migrateUp(client, roles, migrations);
  });
}

/**
 * Version of the metadata schema as the login role sees it; one less where nobody seeded it yet, because a
 * preparation that was killed between the two is not done.
 */
export async function metadataVersion(metadata: MetadataDoor): Promise<number> {
  return metadata.system(async (tx) => {
    const row = await tx
      .selectFrom("schema_migrations")
      .select((eb) => eb.fn.max("version").as("version"))
      .executeTakeFirst();
    const seeded = await tx
      .selectFrom("users")
      .select("user_id")
      .where("username", "=", "admin")
      .executeTakeFirst();
    return (row?.version ?? 0) - (seeded === undefined ? 1 : 0);
  });
}
