import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { freemem, tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { parseConfig } from "../src/config.ts";
import { type Context, openContext } from "../src/context.ts";
import type { ServerAddress } from "../src/db/address.ts";
import { ensureServer, purgeServer } from "../src/db/embedded/server.ts";
import type { Migration } from "../src/db/migrations.ts";
import { ident } from "../src/db/roles.ts";
import { type FleetReport, migrateFleet } from "../src/orgs/fleet.ts";
import { secretKey } from "../src/secrets.ts";
import { type FleetMember, makeFleet, withMigration } from "../test/support/fleet.ts";
import { ask } from "../test/support/server.ts";
import { alternate, type Benchmark, item, median } from "./measure.ts";

const CONCURRENCY = 4;
const ROUNDS = 3;
/** Databases that fail: each so-many-th, which is 5 %. */
const EACH = 20;

/** FLEET=30 makes it a look; without it there are as many as the goal names. */
function countOf(quick: boolean): number {
  return Number(process.env["FLEET"] ?? (quick ? 30 : 1000));
}

export const benchmark: Benchmark = {
  name: "fleet",
  about: "migrating many results databases, beside a bare loop, and with 5 % that fail",
  async run({ quick, say }) {
    const count = countOf(quick);
    await using lab = await openFleetLab(count);
    const began = performance.now();
    lab.fleet = await makeFleet(lab, count, (done) => {
      if (done % 250 === 0) say(`${done} databases made`);
    });
    say(`${count} databases made in ${seconds(began).toFixed(1)} s`);
    await bareRound(lab); // the first connection to a new database is dearer than all later ones
    const rounds = await alternate(
      ROUNDS,
      () => timed(() => ourRound(lab)),
      () => timed(() => bareRound(lab)),
    );
    const [ours, bare] = [median(rounds.a), median(rounds.b)];
    say(
      `ours ${rounds.a.map((s) => s.toFixed(2)).join(", ")} s, bare ${rounds.b.map((s) => s.toFixed(2)).join(", ")} s`,
    );
    const { first, second, failing } = await failures(lab);
    for (const { name, error } of first.items.filter((one) => one.status === "failed").slice(0, 3))
      say(`${name}: ${error}`);
    say(`first run: ${JSON.stringify(first.counts)}, second run: ${JSON.stringify(second.counts)}`);
    const all = { of: "ratio", least: 1, most: 1, text: "= 1" } as const;
    const listed = first.items.filter((one) => one.status === "failed" && one.error !== undefined).length;
    return [
      item(`${count} databases migrated, ${CONCURRENCY} at once`, "1/s", count / ours, count / bare, {
        of: "ratio",
        least: 0.7,
      }),
      item("with 5 % that fail: migrated", "databases", first.counts.migrated, count - failing, all),
      item("with 5 % that fail: listed with a reason", "databases", listed, failing, all),
      item("second run, obstacle removed: migrated", "databases", second.counts.migrated, failing, all),
    ];
  },
};

type FleetLab = Pick<Context, "admin" | "roles" | "metadata"> & {
  migrations: { metadata: Migration[]; results: Migration[] };
  superuser<R extends object>(text: string, values?: unknown[], database?: string): Promise<R[]>;
  fleet: FleetMember[];
  [Symbol.asyncDispose](): Promise<void>;
};

const DATABASE_BYTES = 13e6;

/** Memory where there is plenty of it: to delete the files of a thousand databases takes a disk minutes. */
function roomyFolder(count: number): string {
  try {
    const { bavail, bsize } = statfsSync("/dev/shm");
    if (Math.min(bavail * bsize, freemem()) >= 1.2 * count * DATABASE_BYTES) return "/dev/shm";
  } catch {} // no such folder on this system
  return tmpdir();
}

/** A home whose server does not sync: the databases are made to be thrown away. */
async function openFleetLab(count: number): Promise<FleetLab> {
  await using stack = new AsyncDisposableStack();
  const base = mkdtempSync(join(roomyFolder(count), "aliquot-bench-"));
  stack.defer(() => rmSync(base, { recursive: true, force: true }));
  chmodSync(base, 0o755); // as root the server runs under another account, which must be able to enter
  const home = join(base, "home");
  mkdirSync(home);
  stack.defer(async () => void (await purgeServer({ home })));
  const { superuser } = await ensureServer({ home, fast: true });
  const { config } = parseConfig({});
  const context = stack.use(
    await openContext({ config, home, secret: secretKey({}, home), say: () => {}, fast: true }),
  );
  const { admin, roles, metadata, migrations } = context;
  const kept = stack.move();
  return {
    admin,
    roles,
    metadata,
    migrations,
    superuser: (text, values = [], database = admin.database) => ask(superuser, database, text, values),
    fleet: [],
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** The step that both sides take: what a harmless migration is. */
function nextStep(lab: FleetLab): Migration {
  const table = `extra_${lab.migrations.results.length + 1}`;
  const up = `CREATE TABLE ${table} (x integer NOT NULL DEFAULT 0, note text);
COMMENT ON TABLE ${table} IS 'Made by a measurement.';`;
  lab.migrations.results = withMigration(
    lab.migrations.results,
    `${table}_create`,
    up,
    `DROP TABLE ${table};`,
  );
  return lab.migrations.results.at(-1) as Migration;
}

async function ourRound(lab: FleetLab): Promise<void> {
  nextStep(lab);
  const report = await migrate(lab);
  if (report.counts.migrated !== lab.fleet.length) throw new Error(JSON.stringify(report.counts));
}

function migrate({ metadata, admin, roles, migrations }: FleetLab): Promise<FleetReport> {
  const settings = { admin, roles, migrations: migrations.results };
  return migrateFleet(metadata, settings, { direction: "up", concurrency: CONCURRENCY });
}

/** What one would write by hand: connect, BEGIN, the step, the ledger's row, COMMIT. No lock, no check, no directory. */
async function bareRound(lab: FleetLab): Promise<void> {
  const step = nextStep(lab);
  const queue = lab.fleet.values();
  const hand = async () => {
    for (const { database_name } of queue)
      await bareOne({ ...lab.admin, database: database_name }, lab, step);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, hand));
}

async function bareOne(address: ServerAddress, { roles }: FleetLab, step: Migration): Promise<void> {
  const client = new pg.Client({ ...address, ssl: false });
  await client.connect();
  try {
    await client.query("BEGIN");
    await client.query(`SET LOCAL ROLE ${ident(roles.owner)}`);
    await client.query(step.up);
    await client.query("INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)", [
      step.version,
      step.name,
      step.checksum,
    ]);
    await client.query("COMMIT");
  } finally {
    await client.end();
  }
}

/** A table that is there already stops the step in 5 %; then it is dropped, and the run is repeated. */
async function failures(
  lab: FleetLab,
): Promise<{ first: FleetReport; second: FleetReport; failing: number }> {
  const { name } = nextStep(lab);
  const table = name.replace(/_create$/, "");
  // Not the very first: that one is tried alone, and its failure stops the run.
  const bad = lab.fleet.filter((_, index) => index % EACH === EACH - 1);
  for (const { database_name } of bad)
    await lab.superuser(`CREATE TABLE ${table} (y text)`, [], database_name);
  const first = await migrate(lab);
  for (const { database_name } of bad) await lab.superuser(`DROP TABLE ${table}`, [], database_name);
  return { first, second: await migrate(lab), failing: bad.length };
}

async function timed(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return seconds(began);
}

function seconds(began: number): number {
  return (performance.now() - began) / 1000;
}
