import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { AccessMemory } from "./access/memory.ts";
import { PasswordGate } from "./access/password-gate.ts";
import { TokenMaker } from "./access/token-maker.ts";
import { MemoryCache } from "./cache/memory.ts";
import type { Config } from "./config.ts";
import { parseAddress, type ServerAddress } from "./db/address.ts";
import { linkOpener } from "./db/connect.ts";
import { MetadataDoor, metadataKysely } from "./db/metadata.ts";
import type { MigrateOptions } from "./db/migrate.ts";
import { type Migration, readMigrations } from "./db/migrations.ts";
import { PoolBudget } from "./db/pools.ts";
import { isLoginRefused, isPasswordRefused } from "./db/postgres-errors.ts";
import { type Roles, rolesOf } from "./db/roles.ts";
import { slowLog } from "./db/slow.ts";
import type { Step } from "./db/step.ts";
import { type SchemaPlace, schemaVerdict, windowOf } from "./db/window.ts";
import { AppError } from "./errors.ts";
import { Meter } from "./events/meter.ts";
import { Pulse } from "./events/pulse.ts";
import { SignInThrottle } from "./identity/throttle.ts";
import { type Logger, SILENT } from "./log.ts";
import { openFileStore } from "./objects/file.ts";
import { FileSystemSyncs } from "./objects/file-system-syncs.ts";
import { ResultsDoor } from "./orgs/door.ts";
import { type FleetOptions, type FleetReport, type FleetSettings, migrateFleet } from "./orgs/fleet.ts";
import { isFleetBehind } from "./orgs/fleet-store.ts";
import { type PlaceNames, placeNames } from "./orgs/place-names.ts";
import { Provisioner } from "./orgs/provision.ts";
import { clearStopping, isStopping } from "./processes.ts";
import { relayOrg, shareRelay } from "./relay/relay.ts";
import type { Secret } from "./secrets.ts";
import type { SeedChange } from "./seeds/report.ts";
import { seed } from "./seeds/seed.ts";
import type { Services } from "./services.ts";
import { appPassword, checkAppLogin, metadataPlace, prepareMetadata } from "./setup.ts";
import { openToolkit } from "./toolkit/toolkit.ts";
import { version } from "./version.ts";

/** Everything that is open, closed together and in reverse order. */
export type Context = Services & {
  config: Config;
  home: string;
  admin: ServerAddress;
  roles: Roles;
  secret: Secret;
  /** Where results databases go, as RESULTS_DB_TEMPLATE says. */
  names: PlaceNames;
  migrations: { metadata: Migration[]; results: Migration[] };
  /** What was applied while opening, because it was missing. */
  applied: Applied;
  /** What the system's own rows lacked when it was prepared, in whatever way. */
  seeded: SeedChange[];
  /** Starts the embedded server again where it died; an external one is left to its operators. */
  revive(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type Applied = { metadata: Step[]; results: FleetReport | null };

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
  /** What this process is for, as database administrators see it (command). */
  purpose?: string;
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
    const names = placeNames(config.results_template, [admin, server]);
    const results = new ResultsDoor(metadata, {
      servers: { metadata: server, ...(names.results === undefined ? {} : { results: names.results }) },
      roles,
      secret,
      pools: {
        open: linkOpener(applicationName(options)),
        budget: config.connections_max,
        each: Math.min(config.results_pool_size, config.connections_max),
        recycle_seconds: config.pool_recycle_seconds,
      },
      window: windowOf("results", migrations.results),
      log: statementLog(options),
    });
    stack.use(results);
    const meter = new Meter("relay");
    const relaying = { meter, ...(options.log === undefined ? {} : { log: options.log }) };
    const relay = shareRelay((orgId) => relayOrg(metadata, results, orgId, relaying));
    stack.defer(relay.idle);
    results.relay = relay;
    const provisioner = stack.use(
      new Provisioner(metadata, {
        admin,
        ...(names.results === undefined ? {} : { results: names.results }),
        roles,
        secret,
        migrations: migrations.results,
        names,
      }),
    );
    const toolkit = stack.use(openToolkit({ threads: options.toolkitThreads ?? config.worker_slots }));
    const objects = openFileStore(storageRoot(config, home), stack.use(new FileSystemSyncs()).sync);
    const cache = new MemoryCache();
    const signIns = new SignInThrottle(cache);
    stack.defer(() => signIns.idle());
    const context: Context = {
      config,
      home,
      admin,
      roles,
      secret,
      names,
      migrations,
      metadata,
      results,
      provisioner,
      objects,
      toolkit,
      cache,
      pulse: stack.use(new Pulse(results, options.log === undefined ? {} : { log: options.log })),
      access: new AccessMemory(),
      tokens: new TokenMaker(secret, config.api),
      passwords: stack.use(new PasswordGate()),
      signIns,
      log: options.log ?? SILENT,
      applied: { metadata: [], results: null },
      seeded: [],
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
  server: ServerAddress,
  roles: Roles,
  options: ContextOptions,
): MetadataDoor {
  const { config, secret } = options;
  const login = { ...server, user: roles.app, password: appPassword(secret).reveal() };
  const most = config.pool_size + config.max_overflow;
  const pools = new PoolBudget(
    {
      open: linkOpener(applicationName(options)),
      budget: most,
      each: most,
      keep: config.pool_size,
      recycle_seconds: config.pool_recycle_seconds,
      breaks: false,
    },
    (pool) => metadataKysely(pool, statementLog(options)),
  );
  stack.use(pools);
  return new MetadataDoor(pools, login, roles);
}

/** Who we are in pg_stat_activity. */
function applicationName({ purpose = "command" }: ContextOptions): string {
  return `aliquot ${version()} ${purpose} ${process.pid}`;
}

function statementLog({ config, log = SILENT }: ContextOptions): ReturnType<typeof slowLog> {
  return slowLog(log, config.slow_ms, config.echo);
}

/** The metadata database has this program's schema and seeds, or it gets them, or an error says how. */
async function makeReady(context: Context, options: ContextOptions): Promise<void> {
  if (options.prepare === false) return;
  const place = await placeOrNone(context);
  const window = windowOf("metadata", context.migrations.metadata);
  const verdict = place === undefined ? "org_upgrading" : schemaVerdict(place, window);
  if (verdict === "app_too_old") {
    throw new AppError(
      "app_too_old",
      "the metadata database is newer than this program: use a newer Aliquot",
    );
  }
  if (options.prepare !== true) {
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
async function isBehind({ metadata, migrations }: Context): Promise<boolean> {
  const { min } = windowOf("results", migrations.results);
  return metadata.system((tx) => isFleetBehind(tx, min));
}

/** Roles, schema of both branches, seeds. Repeating it changes nothing. */
export async function prepare(
  context: Context,
  fleet: Omit<FleetOptions, "direction" | "to" | "steps"> = {},
): Promise<Applied> {
  const steps = await prepareShared(context);
  const results = await migrateFleet(context.metadata, fleetSettings(context), { ...fleet, direction: "up" });
  return { metadata: steps, results };
}

/** The same for the shared database alone; seeds come with the newest schema. */
export async function prepareShared(context: Context, options: MigrateOptions = {}): Promise<Step[]> {
  const { admin, roles, secret, migrations, metadata, config } = context;
  const settings = { admin, roles, secret, migrations: migrations.metadata };
  const steps = await prepareMetadata(settings, options);
  if (options.to === undefined && options.steps === undefined)
    context.seeded.push(...(await seed(metadata, { adminEmail: config.admin_email, force: false })));
  return steps;
}

/** What the fleet's migration needs of a context. */
export function fleetSettings({ config, admin, roles, migrations, names }: Context): FleetSettings {
  const { results } = names;
  return {
    admin,
    ...(results === undefined ? {} : { results }),
    roles,
    migrations: migrations.results,
    pooled: config.database_direct_url !== config.database_url,
  };
}

async function placeOrNone(context: Context): Promise<SchemaPlace | undefined> {
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

function storageRoot(config: Config, home: string): string {
  return config.storage_url === undefined ? join(home, "objects") : fileURLToPath(config.storage_url);
}
