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
import { type Migration, readMigrations } from "./db/migrations.ts";
import { PoolBudget } from "./db/pools.ts";
import { type Roles, rolesOf } from "./db/roles.ts";
import { slowLog } from "./db/slow.ts";
import { windowOf } from "./db/window.ts";
import { Meter } from "./events/meter.ts";
import { Pulse } from "./events/pulse.ts";
import { SignInThrottle } from "./identity/throttle.ts";
import { type Logger, SILENT } from "./log.ts";
import { openFileStore } from "./objects/file.ts";
import { FileSystemSyncs } from "./objects/file-system-syncs.ts";
import { ResultsDoor } from "./orgs/door.ts";
import { type PlaceNames, placeNames } from "./orgs/place-names.ts";
import { Provisioner } from "./orgs/provision.ts";
import { clearStopping, isStopping } from "./processes.ts";
import { type Applied, makeReady } from "./ready.ts";
import { relayOrg, shareRelay } from "./relay/relay.ts";
import type { Secret } from "./secrets.ts";
import type { SeedChange } from "./seeds/report.ts";
import type { Services } from "./services.ts";
import { appPassword } from "./setup.ts";
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
    await makeReady(context, options.prepare);
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

function storageRoot(config: Config, home: string): string {
  return config.storage_url === undefined ? join(home, "objects") : fileURLToPath(config.storage_url);
}
