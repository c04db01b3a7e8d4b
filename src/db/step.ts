import type pg from "pg";
import { AppError } from "../errors.ts";
import { insertLedgerRow } from "./ledger.ts";
import type { Migration } from "./migrations.ts";
import { translateDbError } from "./postgres-errors.ts";
import { ident, type Roles } from "./roles.ts";
import { splitStatements } from "./statements.ts";

export type Direction = "up" | "down";

export type Step = { version: number; name: string; direction: Direction; duration_ms: number };

/**
 * Applies or takes back one migration with its ledger row: in one transaction, or, where it says so on its
 * first line, statement by statement. Throws AppError internal that names file, line and reason, and
 * unavailable where the connection was lost or a lock was not to be had.
 */
export async function takeStep(
  client: pg.ClientBase,
  roles: Roles,
  migration: Migration,
  direction: Direction,
): Promise<Step> {
  const text = expandRoles(direction === "up" ? migration.up : migration.down, roles);
  const take = migration.transaction ? takeWhole : takeEach;
  const duration_ms = await take(client, migration, direction, text);
  return { version: migration.version, name: migration.name, direction, duration_ms };
}

/** `{owner}`, `{system}` and `{member}` stand for the installation's roles. */
export function expandRoles(text: string, roles: Roles): string {
  return text
    .replaceAll("{owner}", ident(roles.owner))
    .replaceAll("{system}", ident(roles.system))
    .replaceAll("{member}", ident(roles.member));
}

/**
 * Whoever waits for a table's lock lets nobody else have it: better to give up and be run again. A migration
 * that may wait longer says so itself (SET LOCAL lock_timeout).
 */
const LOCK_SECONDS = 10;

const ELAPSED_MS = "extract(epoch FROM clock_timestamp() - now())::float8 * 1000";

/**
 * One text from BEGIN to COMMIT, so one journey to the server, and no half step where we are killed on the way.
 */
async function takeWhole(
  client: pg.ClientBase,
  migration: Migration,
  direction: Direction,
  text: string,
): Promise<number> {
  const note =
    direction === "up"
      ? insertLedgerRow(migration, ELAPSED_MS)
      : `DELETE FROM schema_migrations WHERE version = ${migration.version} RETURNING ${ELAPSED_MS} AS duration_ms`;
  const before = `BEGIN; SET LOCAL lock_timeout = '${LOCK_SECONDS}s';\n`;
  try {
    const answers = await client.query(`${before}${text}\n;${note}; COMMIT`);
    return Number((answers as unknown as pg.QueryResult[]).at(-2)?.rows[0]?.duration_ms ?? 0);
  } catch (cause) {
    await client.query("ROLLBACK").catch(() => {});
    const at = positionOf(cause);
    const line = at === undefined ? undefined : lineAt(text, at - before.length);
    throw stepFailed(migration, direction, { line, end: "and was rolled back" }, cause);
  }
}

/** CREATE INDEX CONCURRENTLY and its like want to be alone in what is sent. The ledger row comes last. */
async function takeEach(
  client: pg.ClientBase,
  migration: Migration,
  direction: Direction,
  text: string,
): Promise<number> {
  const started = performance.now();
  const statements = splitStatements(text);
  for (const [index, statement] of statements.entries()) {
    try {
      await client.query(statement.text);
    } catch (cause) {
      const line = lineAt(text, statement.offset + (positionOf(cause) ?? 1));
      const end = `at statement ${index + 1} of ${statements.length}; it is no transaction, so ${await leftovers(client, index)}`;
      throw stepFailed(migration, direction, { line, end }, cause);
    }
  }
  const duration_ms = performance.now() - started;
  await client.query(
    direction === "up"
      ? insertLedgerRow(migration, String(duration_ms))
      : `DELETE FROM schema_migrations WHERE version = ${migration.version}`,
  );
  return duration_ms;
}

/** What a step without a transaction left behind, and what to do before it is run again. */
async function leftovers(client: pg.ClientBase, done: number): Promise<string> {
  const invalid = await client
    .query<{ name: string }>(
      `SELECT i.indexrelid::regclass::text AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
       WHERE NOT i.indisvalid AND c.relnamespace = 'public'::regnamespace AND c.relkind = 'i' ORDER BY 1`,
    )
    .then(
      (found) => found.rows.map((row) => row.name),
      () => [],
    );
  const broken = invalid.map((name) => `DROP INDEX ${name}`).join("; ");
  const clean = [
    ...(done === 0
      ? []
      : [`the ${done === 1 ? "statement" : `${done} statements`} before stay done: undo them`]),
    ...(broken === "" ? [] : [`an invalid index is left: ${broken}`]),
  ];
  return clean.length === 0
    ? "nothing was left behind: mend it and run it again"
    : `${clean.join("; ")}; then run it again`;
}

function positionOf(cause: unknown): number | undefined {
  const position = (cause as { position?: string }).position;
  return position === undefined ? undefined : Number(position);
}

function lineAt(text: string, position: number): number {
  return text.slice(0, Math.max(0, position - 1)).split("\n").length;
}

function stepFailed(
  migration: Migration,
  direction: Direction,
  where: { line: number | undefined; end: string },
  cause: unknown,
): AppError {
  const translated = translateDbError(cause);
  // The server went away: that says nothing of the step.
  if (translated instanceof AppError && translated.kind === "unavailable" && !isSqlError(cause))
    return translated;
  const words = cause instanceof Error ? cause.message : String(cause);
  const reason = publicReason(cause, words);
  // A lock or a full disk is the server's state, and no fault of the step: it may be run again as it is.
  const kind =
    translated instanceof AppError && translated.kind === "unavailable" ? "unavailable" : "internal";
  const line = where.line === undefined ? "" : `, line ${where.line}`;
  const digits = String(migration.version).padStart(4, "0");
  return new AppError(
    kind,
    `migration ${migration.version} (${migration.name}, ${direction}${line}) failed ${where.end}: ${reason}`,
    {
      cause,
      detail: [words, (cause as { where?: string }).where].filter(Boolean).join("\n"),
      fields: [
        {
          path: `${digits}_${migration.name}.${direction}.sql`,
          ...(where.line === undefined ? {} : { line: where.line }),
          rule: reason,
        },
      ],
    },
  );
}

/**
 * What may be kept of a failure in the shared database: for data that does not fit (classes 22 and 23) the
 * server quotes the value, which is the organization's own.
 */
function publicReason(cause: unknown, words: string): string {
  const { code = "", table, column, constraint } = cause as Partial<pg.DatabaseError>;
  if (!/^2[23][0-9A-Z]{3}$/.test(code)) return words;
  const place = [table, column, constraint].filter((name) => name !== undefined).join(" ");
  return `a value does not fit${place === "" ? "" : ` (${place})`}, SQLSTATE ${code}; --verbose adds the server's words, which may quote it`;
}

/** An answer of the server to our statement, and not one that ends the connection (classes 08 and 57P). */
function isSqlError(cause: unknown): boolean {
  const code = (cause as { code?: string }).code ?? "";
  return /^[0-9A-Z]{5}$/.test(code) && !/^(08|57P)/.test(code);
}
