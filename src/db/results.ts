import {
  Kysely,
  type LogConfig,
  PostgresDialect,
  type PostgresPool,
  type RawBuilder,
  sql,
  type Transaction,
} from "kysely";
import { type Commit, roleText, type Viewer } from "./metadata.ts";
import type { DB, Json } from "./tables/results.ts";

/** A handle on one organization's database that may read. Made only by `orgs/door.ts`. */
export type ResultsDb = Kysely<DB>;
/** A transaction on one organization's database. */
export type ResultsTx = Transaction<DB>;

/**
 * What a use case gets: the organization and its database, never an id beside a handle, so that the
 * two can't be mixed up.
 */
export type ResultsScope = {
  org_id: string;
  generation: number;
  tx: ResultsTx;
  /** Tasks that may wait or run at once, as the directory said within 5 s; null: as many as there are. */
  queued_tasks: number | null;
  /** What is written last, in one statement, before the commit: nothing in the transaction reads it. */
  atEnd: Writing[];
};

export function resultsKysely(pool: PostgresPool, log: LogConfig = []): ResultsDb {
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool }), log });
}

/** What a database says of itself. */
export type Identity = { org_id: string; generation: number };

/**
 * Takes a role as `takeRole` does and asks the database whose it is, in one message. In every transaction,
 * and not once for a connection: behind a pooler a connection outlives the database it was opened to.
 */
export async function takeRoleAndAsk(
  tx: ResultsTx,
  role: string,
  viewer: Viewer,
  commit?: Commit,
): Promise<Identity | undefined> {
  const text = `${roleText(role, viewer, commit)}; SELECT org_id, generation FROM database_identity`;
  return (await sql.raw<Identity>(text).execute(tx)).rows[0];
}

/** A statement that writes rows, and refers to no other; undefined: nothing to write. */
export type Writing = RawBuilder<unknown> | undefined;

/**
 * Does several writings in one statement, and so in one message: none of them sees what the others wrote, so they
 * are of different tables. The server does them in an order of its own: of locks that others wait for too, it may
 * take one kind only. Returns what the last one returns.
 */
export async function writeTogether<R = never>(tx: ResultsTx, writings: Writing[]): Promise<R[]> {
  const given = writings.filter((one) => one !== undefined);
  const last = given.pop();
  if (last === undefined) return [];
  const named = given.map((one, index) => sql`${sql.raw(`w${index}`)} AS (${one})`);
  const { rows } = await (named.length === 0 ? last : sql`WITH ${sql.join(named)} ${last}`).execute(tx);
  return rows as R[];
}

/** A value for a JSONB column; the driver alone would send a JavaScript array as a PostgreSQL array. */
export function jsonb(value: unknown): ReturnType<typeof sql<Json>> {
  return sql<Json>`${JSON.stringify(value)}::jsonb`;
}
