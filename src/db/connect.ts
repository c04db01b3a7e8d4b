import pg from "pg";
import type { ServerAddress } from "./address.ts";
import { isMany, StatementNames } from "./named.ts";
import { isPlanRefused, translateDbError } from "./postgres-errors.ts";

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

/**
 * Every session speaks UTC and ISO dates, whatever the server's default. Said as parameters of the start-up
 * message and not in `options`: PgBouncer follows these two for each of its clients, and refuses the other.
 */
const SPOKEN = { TimeZone: "UTC", DateStyle: "ISO" };

/** The driver's client with our start-up parameters; the driver has no setting for them. */
class Client extends pg.Client {
  // Of the driver, and missing in its types.
  declare ref: () => void;
  declare unref: () => void;
  declare readonly processID: number | undefined;

  getStartupConf(): Record<string, string> {
    const driver = pg.Client.prototype as unknown as { getStartupConf(): Record<string, string> };
    return { ...driver.getStartupConf.call(this), ...SPOKEN };
  }
}

function settings(address: ServerAddress, application: string): pg.ClientConfig {
  return {
    ...address,
    // Said even where it is off: PGSSLMODE of the caller must not decide it.
    ssl: address.ssl ?? false,
    types,
    application_name: application.slice(0, 63),
    keepAlive: true,
    // A peer that fell silent is noticed by the first probe that nobody answers, not after two hours.
    keepAliveInitialDelayMillis: 10_000,
  };
}

/** One connection, lent to `work` and closed after it. Throws AppError as `translateDbError` says. */
export async function withClient<T>(
  address: ServerAddress,
  application: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new Client({ ...settings(address, application), connectionTimeoutMillis: 10_000 });
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

/** One connection as a pool keeps it. */
export type Link = {
  /**
   * Without values one simple message, which may hold several statements; the answer is the last one's. With values
   * the server may keep the statement for the next time that it is said by `role`, where that is given.
   */
  query(text: string, values: readonly unknown[], role?: string): Promise<pg.QueryResult>;
  /** Open, in no transaction, and nothing that the server keeps for it was refused. */
  readonly clean: boolean;
  readonly lost: boolean;
  readonly processID: number | undefined;
  /** Whether it keeps this process alive. */
  hold(hold: boolean): void;
  /** Calls back once when the server, or what is between, hangs up. */
  onLost(listener: () => void): void;
  /** Resolves when the server has let it go, or after a moment without an answer. Never rejects. */
  close(): Promise<void>;
};

export type OpenLink = (address: ServerAddress) => Promise<Link>;

/** Longer than a busy server needs, shorter than a worker's patience with a database that does not answer. */
const CONNECT_MS = 5000;
const CLOSE_MS = 2000;

/** How a pool opens connections under an application's name. They throw what the driver throws. */
export function linkOpener(application: string): OpenLink {
  return async (address) => {
    const client = new Client({ ...settings(address, application), connectionTimeoutMillis: CONNECT_MS });
    const names = new StatementNames(() => isDirect(client));
    let refused = false;
    let lost = false;
    let tell = () => {};
    const lose = () => {
      lost = true;
      tell();
    };
    // Without a listener a connection that dies between two statements would end this process.
    client.on("error", lose);
    client.on("end", lose);
    try {
      await client.connect();
    } catch (error) {
      await close(client);
      throw error;
    }
    return {
      query: async (text, values, role) => {
        try {
          return lastOf(await client.query(asSent(client, names, text, values, role)));
        } catch (error) {
          refused ||= isPlanRefused(error);
          throw error;
        }
      },
      get clean() {
        return !lost && !refused && client.getTransactionStatus() === "I";
      },
      get lost() {
        return lost;
      },
      processID: client.processID,
      hold: (hold) => (hold ? client.ref() : client.unref()),
      onLost: (listener) => {
        tell = listener;
      },
      close: () => close(client),
    };
  };
}

function asSent(
  client: Client,
  names: StatementNames,
  text: string,
  values: readonly unknown[],
  role: string | undefined,
): pg.QueryConfig {
  if (values.length > 0) {
    const name = role === undefined || isMany(values) ? undefined : names.nameOf(role, text);
    return { text, values: [...values], ...(name === undefined ? {} : { name }) };
  }
  // The plans of triggers and functions too, which a connection otherwise keeps until somebody analyzes the table.
  const begins = client.getTransactionStatus() === "I" && names.outlived();
  return { text: begins ? `DISCARD PLANS; ${text}` : text };
}

function lastOf(answer: pg.QueryResult | pg.QueryResult[]): pg.QueryResult {
  return (Array.isArray(answer) ? answer.at(-1) : answer) as pg.QueryResult;
}

/** False where a pooler answers in the server's place: the process that it named at the start is no server's. */
async function isDirect(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  return rows[0]?.pid === client.processID;
}

/** A connection of its own that hears what is said on one channel. */
export type Listener = { close(): Promise<void> };

/**
 * Listens on a channel until it is closed or lost. Undefined where something stands between us and the server: a
 * pooler lends one connection to many, and what is said arrives at none of them. Throws what the driver throws.
 */
export async function openListener(
  address: ServerAddress,
  application: string,
  channel: string,
  on: { heard(message: string): void; lost(): void },
): Promise<Listener | undefined> {
  const client = new Client({ ...settings(address, application), connectionTimeoutMillis: CONNECT_MS });
  client.on("error", on.lost);
  client.on("end", on.lost);
  client.on("notification", ({ payload }) => on.heard(payload ?? ""));
  try {
    await client.connect();
    if (await isDirect(client)) {
      await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      return { close: () => close(client) };
    }
  } catch (error) {
    await close(client);
    throw error;
  }
  await close(client);
  return undefined;
}

/** Says goodbye and waits for the server to hang up; a server that does not answer is left. */
async function close(client: Client): Promise<void> {
  const stream = (client.connection as unknown as { stream: { destroy(): void } }).stream;
  const timer = setTimeout(() => stream.destroy(), CLOSE_MS);
  await client.end().catch(() => {});
  clearTimeout(timer);
}
