import type pg from "pg";
import type { ServerAddress } from "../db/address.ts";
import { withClient } from "../db/connect.ts";
import { translateDbError } from "../db/postgres-errors.ts";
import { AppError } from "../errors.ts";
import {
  beginAs,
  cancelBackend,
  commit,
  rollback,
  runStatement,
  type ShellResult,
  type ShellRole,
} from "./store.ts";
import { SHELL_TYPES } from "./values.ts";

/** A database with the login for it, and who one is there. */
export type ShellTarget = ShellRole & { address: ServerAddress };

/**
 * The same login past a pooler: psql brings its role as a start-up option, which PgBouncer refuses, and whose
 * session belongs to nobody in transaction mode. A server that is not behind the pooler stays as it is.
 */
export function pastPooler(
  address: ServerAddress,
  { pooler, direct }: { pooler: ServerAddress; direct: ServerAddress },
): ServerAddress {
  if (address.host !== pooler.host || address.port !== pooler.port) return address;
  const { user, password, database } = address;
  return { ...direct, user, password, database };
}

const APPLICATION = "aliquot shell";

/** A connection on which people's statements run. */
export type ShellSession = {
  /** Runs statements in one transaction: all or none. Throws AppError bad_input with the server's words. */
  run(statements: string[]): Promise<ShellResult[]>;
  /** Stops what runs, which then throws. Nothing where nothing runs. */
  cancel(): Promise<void>;
};

/**
 * Lends a session and closes it. `tell` hears of NOTICE and WARNING.
 * Throws AppError unavailable (the server can't be reached, or went away).
 */
export async function withSession<T>(
  target: ShellTarget,
  tell: (line: string) => void,
  work: (session: ShellSession) => Promise<T>,
): Promise<T> {
  return withClient(target.address, APPLICATION, (client) => {
    client.on("notice", ({ severity, message }) => tell(`${severity ?? "NOTICE"}: ${message}`));
    return work({
      run: (statements) => runTogether(client, target, statements),
      cancel: () =>
        withClient(target.address, APPLICATION, (other) =>
          cancelBackend(other, (client as unknown as { processID: number }).processID),
        ),
    });
  });
}

async function runTogether(client: pg.Client, who: ShellRole, statements: string[]): Promise<ShellResult[]> {
  const results: ShellResult[] = [];
  try {
    await beginAs(client, who);
    for (const statement of statements) results.push(await runStatement(client, statement, SHELL_TYPES));
    await commit(client);
    return results;
  } catch (error) {
    await rollback(client).catch(() => {}); // a connection that is gone rolls back by itself
    throw refusalOf(error, placeOf(results.length, statements.length));
  }
}

/** Where it was: constraints that wait are checked at the end, when every statement was through. */
function placeOf(through: number, count: number): string {
  if (through === count) return "SQL, at the end of the transaction";
  return count > 1 ? `SQL, statement ${through + 1}` : "SQL";
}

type ServerError = Error & { code?: string; detail?: string; hint?: string };
const CANCELED = "57014";

/** The server's own words: people wrote the statement. Which one it was is said where there are several. */
function refusalOf(error: unknown, where: string): unknown {
  const { code, message, detail, hint } = error as ServerError;
  if (error instanceof AppError || code === undefined || !/^[0-9A-Z]{5}$/.test(code))
    return translateDbError(error);
  if (/^(08|57P|53)/.test(code)) return translateDbError(error);
  const what = code === CANCELED ? "stopped on request" : message.replace(/\s*\n\s*/g, " ");
  const more = [detail, hint].filter((text) => text !== undefined).join("\n");
  return new AppError("bad_input", `${where}: ${what}`, {
    cause: error,
    ...(more === "" ? {} : { detail: more }),
  });
}
