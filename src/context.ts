import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "./config.ts";
import { parseAddress, type ServerAddress } from "./db/address.ts";
import { openPool } from "./db/connect.ts";
import { MetadataDoor } from "./db/metadata.ts";
import type { Step } from "./db/migrate.ts";
import { type Migration, readMigrations } from "./db/migrations.ts";
import { isLoginRefused } from "./db/postgres-errors.ts";
import { type Roles, rolesOf } from "./db/roles.ts";
import { slowLog } from "./db/slow.ts";
import { AppError } from "./errors.ts";
import { type Logger, SILENT } from "./log.ts";
import { openFileStore } from "./objects/file.ts";
import { ResultsDoor } from "./orgs/door.ts";
import { type FleetResult, migrateFleet } from "./orgs/fleet.ts";
import { Provisioner } from "./orgs/provision.ts";
import { clearStopping, isStopping } from "./processes.ts";
import type { Secret } from "./secrets.ts";
import { seed } from "./seeds/seed.ts";
import type { Services } from "./services.ts";
import { appPassword, metadataVersion, prepareMetadata } from "./setup.ts";
import { openToolkit } from "./toolkit/toolkit.ts";
import { relayOrg, shareRelay } from "./worker/relay.ts";

/** Everything that is open, closed together and in reverse order. */
export type Context = Services & {
  config: Config;
  home: string;
  admin: ServerAddress;
  roles: Roles;
  secret: Secret;
  migrations: { metadata: Migration[]; results: Migration[] };
  /** What was applied while opening, because it was missing. */
  applied: Applied;
  /** Starts the embedded server again where it died; an external one is left to its operators. */
  revive(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type Applied = { metadata: Step[]; results: FleetResult[] };

export type ContextOptions = {
  config: Config;
  home: string;
  secret: Secret;
  /** One line to the person at the terminal. */
  say: (line: string) => void;
  log?: Logger;
  /**
   * Make roles, schema and seeds where they are missing: true always, false never (the commands that
   * migrate), else only for the embedded server.
   */
  prepare?: boolean;
  /** Test only: an embedded server without fsync. */
  fast?: boolean;
  toolkitThreads?: number;
};

/**
 * Opens pools, stores and doors; the only place that chooses adapters.
 * Throws AppError unavailable (no server; a metadata database that nobody prepared), app_too_old.
 */
export async function openContext(options: ContextOptions): Promise<Context> {
  const { config, home, secret } = options;
  const stack = new AsyncDisposableStack();
  try {
    const { admin, server } = await serverAddresses(options);
    const roles = rolesOf(config.role_prefix);
    const migrations = {
      metadata: await readMigrations("metadata"),
      results: await readMigrations("results"),
    };
    const metadata = openMetadata(stack, server, roles, options);
    const results = new ResultsDoor(metadata, {
      server,
      roles,
      secret,
      poolSize: config.results_pool_size,
      budget: config.connections_max,
      schemaVersion: migrations.results.length,
      log: slowLog(options.log ?? SILENT, config.slow_ms),
    });
    stack.use(results);
    results.relay = shareRelay((orgId) => relayOrg(metadata, results, orgId));
    const provisioner = new Provisioner(metadata, { admin, roles, secret, migrations: migrations.results });
    const toolkit = stack.use(openToolkit({ threads: options.toolkitThreads ?? config.worker_slots }));
    const objects = openFileStore(storageRoot(config, home));
    const context: Context = {
      config,
      home,
      admin,
      roles,
      secret,
      migrations,
      metadata,
      results,
      provisioner,
      objects,
      toolkit,
      log: options.log ?? SILENT,
      applied: { metadata: [], results: [] },
      revive: () => revive(options),
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
    await makeReady(context, options);
    return context;
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Starts the embedded server that died under us; not one that `down` stopped, and never a new one. */
async function revive(options: ContextOptions): Promise<void> {
  if (options.config.database_url !== undefined || isStopping(options.home)) return;
  const { ensureServer, serverStatus } = await import("./db/embedded/server.ts");
  const { state } = await serverStatus({ home: options.home });
  if (state === "stopped") await ensureServer({ home: options.home, report: options.say });
}

type Addresses = {
  /** For migrations and provisioning: past a pooler, as an administrator. */
  admin: ServerAddress;
  /** For everything else; the login is filled in per database. */
  server: ServerAddress;
};

async function serverAddresses(options: ContextOptions): Promise<Addresses> {
  const { config, home } = options;
  if (config.database_url !== undefined) {
    const server = parseAddress(config.database_url);
    const direct = config.database_direct_url;
    return { server, admin: direct === undefined ? server : parseAddress(direct) };
  }
  const { ensureServer } = await import("./db/embedded/server.ts");
  clearStopping(home);
  const fast = options.fast === undefined ? {} : { fast: options.fast };
  const { admin } = await ensureServer({ home, ...fast, report: options.say });
  return { admin, server: admin };
}

function openMetadata(
  stack: AsyncDisposableStack,
  admin: ServerAddress,
  roles: Roles,
  options: ContextOptions,
): MetadataDoor {
  const login = { ...admin, user: roles.app, password: appPassword(options.secret).reveal() };
  const pool = openPool(login, `aliquot ${process.pid}`, options.config.pool_size);
  stack.defer(() => pool.end());
  return new MetadataDoor(pool, roles, slowLog(options.log ?? SILENT, options.config.slow_ms));
}

/** The metadata database has this program's schema and seeds, or it gets them, or an error says how. */
async function makeReady(context: Context, options: ContextOptions): Promise<void> {
  if (options.prepare === false) return;
  const version = await versionOrNone(context.metadata);
  const latest = context.migrations.metadata.length;
  if (version === latest && options.prepare !== true) return;
  if (version > latest) {
    throw new AppError(
      "app_too_old",
      "the metadata database is newer than this program: use a newer Aliquot",
    );
  }
  if (context.config.database_url !== undefined && options.prepare !== true) {
    throw new AppError(
      "unavailable",
      "the metadata database is not prepared for this program: run `aliquot migrate up`",
    );
  }
  context.applied = await prepare(context);
}

/** Roles, schema of both branches, seeds. Repeating it changes nothing. */
export async function prepare(context: Context): Promise<Applied> {
  const { admin, roles, secret, migrations, metadata, config } = context;
  const steps = await prepareMetadata({ admin, roles, secret, migrations: migrations.metadata });
  await seed(metadata, { adminEmail: config.admin_email, force: false });
  const settings = { admin, roles, migrations: migrations.results };
  return { metadata: steps, results: await migrateFleet(metadata, settings, { direction: "up" }) };
}

async function versionOrNone(metadata: MetadataDoor): Promise<number> {
  try {
    return await metadataVersion(metadata);
  } catch (error) {
    if (isLoginRefused(error) || isMissing(error)) return -1;
    throw error;
  }
}

/** No such table, or a role that may not see it yet: nobody prepared this database. */
function isMissing(error: unknown): boolean {
  const code = (error as { code?: string }).code;
  return code === "42P01" || code === "42501" || code === "22023" || code === "42704";
}

function storageRoot(config: Config, home: string): string {
  return config.storage_url === undefined ? join(home, "objects") : fileURLToPath(config.storage_url);
}
