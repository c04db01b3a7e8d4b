import type pg from "pg";
import { AppError } from "../errors.ts";
import type { Migration } from "./migrations.ts";
import { ident, literal, type Roles } from "./roles.ts";
import type { SchemaPlace } from "./window.ts";

/** A row of a database's own ledger: the truth about its schema. */
export type LedgerRow = {
  version: number;
  name: string;
  checksum: string;
  breaking: boolean;
  applied_at: string;
  duration_ms: number;
};

/** Reads the ledger, oldest first; fails with UNDEFINED_TABLE where there is none. */
export const SELECT_LEDGER =
  "SELECT version, name, checksum, breaking, applied_at, duration_ms FROM schema_migrations ORDER BY version";

const UNDEFINED_TABLE = "42P01";

/** True where a statement failed because the ledger is not there yet. */
export function lacksLedger(error: unknown): boolean {
  return (error as { code?: string }).code === UNDEFINED_TABLE;
}

/** The ledger, oldest first; empty where there is none. */
export async function readLedger(client: pg.ClientBase): Promise<LedgerRow[]> {
  return (await findLedger(client)) ?? [];
}

/** The same, and undefined where there is none. */
export async function findLedger(client: pg.ClientBase): Promise<LedgerRow[] | undefined> {
  try {
    return (await client.query<LedgerRow>(SELECT_LEDGER)).rows;
  } catch (error) {
    if (lacksLedger(error)) return undefined;
    throw error;
  }
}

/** Makes an empty ledger, as `owner`, in a transaction of its own. */
export async function createLedger(client: pg.ClientBase, roles: Roles): Promise<void> {
  await client.query(`
    BEGIN;
    CREATE TABLE schema_migrations (
      version integer PRIMARY KEY CHECK (version > 0),
      name text NOT NULL,
      checksum text NOT NULL,
      breaking boolean NOT NULL DEFAULT false,
      applied_at timestamptz NOT NULL DEFAULT now(),
      duration_ms double precision NOT NULL DEFAULT 0
    );
    COMMENT ON TABLE schema_migrations IS 'Migrations that were applied: the truth about this schema.';
    COMMENT ON COLUMN schema_migrations.version IS 'Number of the migration.';
    COMMENT ON COLUMN schema_migrations.name IS 'Name of the migration.';
    COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 over its two files: an applied migration is never edited.';
    COMMENT ON COLUMN schema_migrations.breaking IS 'True: programs that do not know this migration must not use the database.';
    COMMENT ON COLUMN schema_migrations.applied_at IS 'When it was applied.';
    COMMENT ON COLUMN schema_migrations.duration_ms IS 'How long it took in ms.';
    ALTER TABLE schema_migrations ENABLE ROW LEVEL SECURITY;
    ALTER TABLE schema_migrations FORCE ROW LEVEL SECURITY;
    CREATE POLICY schema_migrations_owner ON schema_migrations TO ${ident(roles.owner)} USING (true) WITH CHECK (true);
    CREATE POLICY schema_migrations_system ON schema_migrations FOR SELECT TO ${ident(roles.system)} USING (true);
    GRANT SELECT ON schema_migrations TO ${ident(roles.system)};
    COMMIT;`);
}

/**
 * The statement that says a step was taken. It stands in one text with the step, so it has no parameters;
 * `duration` is SQL.
 */
export function insertLedgerRow({ version, name, checksum, breaking }: Migration, duration: string): string {
  return `INSERT INTO schema_migrations (version, name, checksum, breaking, duration_ms)
    VALUES (${version}, ${literal(name)}, ${literal(checksum)}, ${breaking}, ${duration}) RETURNING duration_ms`;
}

/** How far a ledger is; what the directory keeps a copy of. */
export function placeOf(ledger: readonly Pick<LedgerRow, "version" | "breaking">[]): SchemaPlace {
  return {
    schema_version: ledger.at(-1)?.version ?? 0,
    breaking_version: ledger.findLast((row) => row.breaking)?.version ?? 0,
  };
}

/**
 * What was applied must be what the files say, as far as both go, without a gap.
 * Throws AppError conflict that names the migration.
 */
export function checkLedger(applied: LedgerRow[], migrations: Migration[]): void {
  for (const [index, row] of applied.entries()) {
    if (row.version !== index + 1)
      throw new AppError(
        "conflict",
        `the database's ledger lacks migration ${index + 1}: somebody changed schema_migrations by hand; put the row back`,
      );
    const migration = migrations[index];
    if (migration === undefined || migration.checksum === row.checksum) continue;
    throw new AppError(
      "conflict",
      `migration ${row.version} (${row.name}) was edited after it was applied: put it back and write a new one`,
    );
  }
}

/** How to say that a database has a migration which this program lacks. */
export function tooNew(row: Pick<LedgerRow, "version" | "name">): AppError {
  return new AppError(
    "app_too_old",
    `the database has migration ${row.version} (${row.name}), which this program does not know: use a newer Aliquot`,
  );
}
