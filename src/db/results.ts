import { Kysely, type LogConfig, PostgresDialect, sql, type Transaction } from "kysely";
import type pg from "pg";
import type { DB, Json } from "./tables/results.ts";

/** A handle on one organization's database that may read. Made only by `orgs/door.ts`. */
export type ResultsDb = Kysely<DB>;
/** A transaction on one organization's database. */
export type ResultsTx = Transaction<DB>;

/**
 * What a use case gets: the organization and its database, never an id beside a handle, so that the
 * two can't be mixed up.
 */
export type ResultsScope = { org_id: string; generation: number; tx: ResultsTx };

export function resultsKysely(pool: pg.Pool, log: LogConfig = []): ResultsDb {
  return new Kysely<DB>({ dialect: new PostgresDialect({ pool }), log });
}

/** A value for a JSONB column; the driver alone would send a JavaScript array as a PostgreSQL array. */
export function jsonb(value: unknown): ReturnType<typeof sql<Json>> {
  return sql<Json>`${JSON.stringify(value)}::jsonb`;
}
