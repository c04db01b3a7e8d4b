import type pg from "pg";
import { AppError } from "../errors.ts";
import type { Migration } from "./migrations.ts";
import { ident, type Roles } from "./roles.ts";

/** A row of a database's own ledger: the truth about its schema. */
export type LedgerRow = {
  version: number;
  name: string;
  checksum: string;
  applied_at: string;
  duration_ms: number;
};

export type Step = { version: number; name: string; direction: "up" | "down"; duration_ms: number };

export type MigrateOptions = { to?: number; steps?: number; onStep?: (step: Step) => void };

/** Any number that nobody else locks on; held for the session while a database is migrated. */
const LOCK = 7_242_001;

/**
 * Applies what is missing, each step in a transaction of its own with its ledger row, under a lock.
 * The client is the administrator's; steps run as `owner`. Returns the steps taken.
 * Throws AppError conflict (an applied migration was edited; the database is newer than this program)
 * or internal (a statement failed: nothing of that step remains).
 */
export async function migrateUp(
  client: pg.ClientBase,
  roles: Roles,
  migrations: Migration[],
  options: MigrateOptions = {},
): Promise<Step[]> {
  return locked(client, roles, async () => {
    const applied = await prepareLedger(client, roles);
    checkLedger(applied, migrations);
    const target = options.to ?? migrations.length;
    const pending = migrations.filter((step) => step.version > applied.length && step.version <= target);
    const steps: Step[] = [];
    for (const migration of pending.slice(0, options.steps)) {
      steps.push(await takeStep(client, roles, migration, "up"));
      options.onStep?.(steps.at(-1) as Step);
    }
    return steps;
  });
}

/** Takes steps back, the last first: one, unless `steps` or `to` says otherwise. Errors as migrateUp. */
export async function migrateDown(
  client: pg.ClientBase,
  roles: Roles,
  migrations: Migration[],
  options: MigrateOptions = {},
): Promise<Step[]> {
  return locked(client, roles, async () => {
    const applied = await prepareLedger(client, roles);
    checkLedger(applied, migrations);
    const count = options.steps ?? (options.to === undefined ? 1 : applied.length - options.to);
    const steps: Step[] = [];
    for (const row of applied.slice(Math.max(0, applied.length - count)).reverse()) {
      const migration = migrations[row.version - 1];
      if (migration === undefined) throw tooNew(row);
      steps.push(await takeStep(client, roles, migration, "down"));
      options.onStep?.(steps.at(-1) as Step);
    }
    return steps;
  });
}

/** The ledger, oldest first; empty where there is none. */
export async function readLedger(client: pg.ClientBase): Promise<LedgerRow[]> {
  const found = await client.query("SELECT to_regclass('public.schema_migrations') IS NOT NULL AS found");
  if (found.rows[0]?.found !== true) return [];
  const rows = await client.query<LedgerRow>(
    "SELECT version, name, checksum, applied_at, duration_ms FROM schema_migrations ORDER BY version",
  );
  return rows.rows;
}

async function locked<T>(client: pg.ClientBase, roles: Roles, work: () => Promise<T>): Promise<T> {
  await client.query("SELECT pg_advisory_lock($1)", [LOCK]);
  try {
    await client.query(`SET ROLE ${ident(roles.owner)}`);
    return await work();
  } finally {
    await client.query("RESET ROLE").catch(() => {});
    await client.query("SELECT pg_advisory_unlock($1)", [LOCK]).catch(() => {});
  }
}

async function prepareLedger(client: pg.ClientBase, roles: Roles): Promise<LedgerRow[]> {
  const rows = await readLedger(client);
  const found = await client.query("SELECT to_regclass('public.schema_migrations') IS NOT NULL AS found");
  if (found.rows[0]?.found === true) return rows;
  await client.query(`
    BEGIN;
    CREATE TABLE schema_migrations (
      version integer PRIMARY KEY CHECK (version > 0),
      name text NOT NULL,
      checksum text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now(),
      duration_ms double precision NOT NULL DEFAULT 0
    );
    COMMENT ON TABLE schema_migrations IS 'Migrations that were applied: the truth about this schema.';
    COMMENT ON COLUMN schema_migrations.version IS 'Number of the migration.';
    COMMENT ON COLUMN schema_migrations.name IS 'Name of the migration.';
    COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 over its two files: an applied migration is never edited.';
    COMMENT ON COLUMN schema_migrations.applied_at IS 'When it was applied.';
    COMMENT ON COLUMN schema_migrations.duration_ms IS 'How long it took in ms.';
    ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY;
    ALTER TABLE schema_migrations FORCE ROW LEVEL SECURITY;
    CREATE POLICY schema_migrations_owner ON schema_migrations TO ${ident(roles.owner)} USING (true) WITH CHECK (true);
    CREATE POLICY schema_migrations_system ON schema_migrations FOR SELECT TO ${ident(roles.system)} USING (true);
    GRANT SELECT ON schema_migrations TO ${ident(roles.system)};
    COMMIT;`);
  return [];
}

/** What was applied must be what the files say, as far as both go. */
function checkLedger(applied: LedgerRow[], migrations: Migration[]): void {
  for (const row of applied) {
    const migration = migrations[row.version - 1];
    if (migration === undefined) throw tooNew(row);
    if (migration.checksum === row.checksum) continue;
    throw new AppError(
      "conflict",
      `migration ${row.version} (${row.name}) was edited after it was applied: put it back and write a new one`,
    );
  }
}

function tooNew(row: LedgerRow): AppError {
  return new AppError(
    "app_too_old",
    `the database has migration ${row.version} (${row.name}), which this program does not know: use a newer Aliquot`,
  );
}

async function takeStep(
  client: pg.ClientBase,
  roles: Roles,
  migration: Migration,
  direction: "up" | "down",
): Promise<Step> {
  const started = performance.now();
  const text = expandRoles(direction === "up" ? migration.up : migration.down, roles);
  try {
    if (migration.transaction) await client.query("BEGIN");
    // The ledger row first: a concurrent runner that got past the lock collides here, early and harmlessly.
    // Outside a transaction it comes last, or a step that failed half-way would count as applied.
    if (direction === "up" && migration.transaction) await insertLedgerRow(client, migration);
    await client.query(text);
    if (direction === "up" && !migration.transaction) await insertLedgerRow(client, migration);
    const duration_ms = performance.now() - started;
    if (direction === "up") {
      const timed = "UPDATE schema_migrations SET duration_ms = $2 WHERE version = $1";
      await client.query(timed, [migration.version, duration_ms]);
    } else {
      await client.query("DELETE FROM schema_migrations WHERE version = $1", [migration.version]);
    }
    if (migration.transaction) await client.query("COMMIT");
    return { version: migration.version, name: migration.name, direction, duration_ms };
  } catch (cause) {
    if (migration.transaction) await client.query("ROLLBACK").catch(() => {});
    throw stepFailed(migration, direction, text, cause);
  }
}

async function insertLedgerRow(client: pg.ClientBase, { version, name, checksum }: Migration): Promise<void> {
  const statement = "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)";
  await client.query(statement, [version, name, checksum]);
}

/** `{owner}`, `{system}` and `{member}` stand for the installation's roles. */
export function expandRoles(text: string, roles: Roles): string {
  return text
    .replaceAll("{owner}", ident(roles.owner))
    .replaceAll("{system}", ident(roles.system))
    .replaceAll("{member}", ident(roles.member));
}

function stepFailed(migration: Migration, direction: string, text: string, cause: unknown): AppError {
  const position = Number((cause as { position?: string }).position ?? Number.NaN);
  const line = Number.isNaN(position) ? "" : `, line ${text.slice(0, position).split("\n").length}`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AppError(
    "internal",
    `migration ${migration.version} (${migration.name}, ${direction}${line}) failed and was rolled back: ${reason}`,
    { cause, fields: [{ path: `${migration.name}.${direction}.sql`, rule: reason }] },
  );
}
