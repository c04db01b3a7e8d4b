import pg from "pg";
import type { ServerAddress } from "./address.ts";
import { translateDbError } from "./postgres-errors.ts";

const INT8 = 20;
const TIMESTAMPTZ = 1184;

/**
 * How values arrive, decided once: bigint as a number (ours are counts and sequence numbers, and one
 * past 2^53 is an error), timestamptz as RFC 3339 in UTC, the rest as the driver has it.
 */
const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: "text" | "binary"): (text: string) => unknown {
    if (oid === INT8) return parseWhole;
    if (oid === TIMESTAMPTZ) return parseTimestamp;
    return pg.types.getTypeParser(oid, format as "text") as (text: string) => unknown;
  },
};

function parseWhole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint ${text} is past what a number holds`);
  return value;
}

function parseTimestamp(text: string): string {
  return text.replace(" ", "T").replace(/\+00$/, "Z");
}

function settings(address: ServerAddress, application: string): pg.ClientConfig {
  return {
    ...address,
    // Said even where it is off: PGSSLMODE of the caller must not decide it.
    ssl: address.ssl ?? false,
    types,
    application_name: application.slice(0, 63),
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    // Every session speaks UTC and ISO dates, whatever the server's default.
    options: "-c timezone=UTC -c datestyle=ISO",
  };
}

/** One connection, lent to `work` and closed after it. Throws AppError as `translateDbError` says. */
export async function withClient<T>(
  address: ServerAddress,
  application: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client(settings(address, application));
  client.on("error", () => {}); // a lost idle connection shows in the next query
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw translateDbError(error);
  } finally {
    await client.end().catch(() => {});
  }
}

/** A pool of connections; who opens it ends it. */
export function openPool(address: ServerAddress, application: string, size: number): pg.Pool {
  const pool = new pg.Pool({
    ...settings(address, application),
    max: size,
    idleTimeoutMillis: 10_000,
    maxLifetimeSeconds: 3600,
    allowExitOnIdle: true,
  });
  pool.on("error", () => {}); // an idle connection that died is replaced by the next request
  // One that dies while it is lent, between two statements, would else end this process.
  pool.on("connect", (client) => client.on("error", () => {}));
  return pool;
}
