import type { Config } from "./config.ts";
import type { ServerAddress } from "./db/address.ts";
import type { MetadataDoor } from "./db/metadata.ts";
import type { MigrateOptions } from "./db/migrate.ts";
import type { Migration } from "./db/migrations.ts";
import { isLoginRefused, isPasswordRefused } from "./db/postgres-errors.ts";
import type { Roles } from "./db/roles.ts";
import type { Step } from "./db/step.ts";
import { type SchemaPlace, schemaVerdict, windowOf } from "./db/window.ts";
import { AppError } from "./errors.ts";
import { type FleetOptions, type FleetReport, type FleetSettings, migrateFleet } from "./orgs/fleet.ts";
import { isFleetBehind } from "./orgs/fleet-store.ts";
import type { PlaceNames } from "./orgs/place-names.ts";
import type { Secret } from "./secrets.ts";
import type { SeedChange } from "./seeds/report.ts";
import { seed } from "./seeds/seed.ts";
import { checkAppLogin, metadataPlace, prepareMetadata } from "./setup.ts";

export type Applied = { metadata: Step[]; results: FleetReport | null };

/** What is open (a context), as far as its databases are made ready. */
type Open = {
  config: Config;
  admin: ServerAddress;
  roles: Roles;
  secret: Secret;
  names: PlaceNames;
  migrations: { metadata: Migration[]; results: Migration[] };
  metadata: MetadataDoor;
  applied: Applied;
  seeded: SeedChange[];
};

/**
 * The metadata database has this program's schema and seeds, or it gets them, as `wanted` says of contexts
 * (`ContextOptions`). Throws AppError unavailable where nobody prepared it and this may not, app_too_old.
 */
export async function makeReady(context: Open, wanted?: boolean): Promise<void> {
  if (wanted === false) return;
  const place = await placeOrNone(context);
  const window = windowOf("metadata", context.migrations.metadata);
  const verdict = place === undefined ? "org_upgrading" : schemaVerdict(place, window);
  if (verdict === "app_too_old") {
    throw new AppError(
      "app_too_old",
      "the metadata database is newer than this program: use a newer Aliquot",
    );
  }
  if (wanted !== true) {
    const current = place !== undefined && place.schema_version >= window.max;
    if (context.config.database_url !== undefined) {
      if (current || verdict === "ok") return;
      throw new AppError(
        "unavailable",
        "the metadata database is not prepared for this program: run `aliquot migrate up`",
      );
    }
    // An upgrade may bring migrations of organizations alone, and one that was killed may have them left to do.
    if (current && !(await isBehind(context))) return;
  }
  context.applied = await prepare(context);
}

/** True where an organization waits for a migration that this program needs. */
async function isBehind({ metadata, migrations }: Open): Promise<boolean> {
  const { min } = windowOf("results", migrations.results);
  return metadata.system((tx) => isFleetBehind(tx, min));
}

/** Roles, schema of both branches, seeds. Repeating it changes nothing. */
export async function prepare(
  context: Open,
  fleet: Omit<FleetOptions, "direction" | "to" | "steps"> = {},
): Promise<Applied> {
  const steps = await prepareShared(context);
  const results = await migrateFleet(context.metadata, fleetSettings(context), { ...fleet, direction: "up" });
  return { metadata: steps, results };
}

/** The same for the shared database alone; seeds come with the newest schema. */
export async function prepareShared(context: Open, options: MigrateOptions = {}): Promise<Step[]> {
  const { admin, roles, secret, migrations, metadata, config } = context;
  const settings = { admin, roles, secret, migrations: migrations.metadata };
  const steps = await prepareMetadata(settings, options);
  if (options.to === undefined && options.steps === undefined)
    context.seeded.push(...(await seed(metadata, { adminEmail: config.admin_email, force: false })));
  return steps;
}

/** What the fleet's migration needs of a context. */
export function fleetSettings({ config, admin, roles, migrations, names }: Open): FleetSettings {
  const { results } = names;
  return {
    admin,
    ...(results === undefined ? {} : { results }),
    roles,
    migrations: migrations.results,
    pooled: config.database_direct_url !== config.database_url,
  };
}

async function placeOrNone(context: Open): Promise<SchemaPlace | undefined> {
  try {
    return await metadataPlace(context.metadata);
  } catch (error) {
    // The server says the same of a role that is missing and of another password: its administrator tells.
    if (isPasswordRefused(error)) await checkAppLogin(context);
    if (isLoginRefused(error) || isMissing(error)) return undefined;
    throw error;
  }
}

/** No such table, or a role that may not see it yet: nobody prepared this database. */
function isMissing(error: unknown): boolean {
  const code = (error as { code?: string }).code;
  return code === "42P01" || code === "42501" || code === "22023" || code === "42704";
}
