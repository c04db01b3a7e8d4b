import type { Client } from "pg";
import type { ServerAddress } from "../address.ts";
import { codeOf, reasonOf, unavailable } from "./files.ts";

/** What one connection as the application's role finds. */
export type Probe = { kind: "ready"; version: string } | { kind: "unfinished" } | { kind: "down" };

/** On the role as a comment, in the transaction log like the rest: no file can claim what the cluster lacks. */
export const BOOTSTRAP_MARK = "aliquot-bootstrap-1";

const DOWN = ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE", "57P01", "57P02", "57P03"];

/** Wrong password or no such role (PostgreSQL does not tell which), no such database, no permission to connect. */
const UNFINISHED = ["28P01", "28000", "3D000", "42501"];

/** Lends a connection to `work` and returns its value. Throws what the server or `work` throws. */
export async function withClient<T>(
  address: ServerAddress,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  // Loaded here: commands that need no server do not pay for it.
  const { default: pg } = await import("pg");
  // `ssl` is said so that PGSSLMODE of the caller does not ask for it: a socket has none.
  const client = new pg.Client({ ...address, ssl: false, connectionTimeoutMillis: 5000 });
  // A server that goes away between two statements would else end this process.
  client.on("error", () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** Connects once as the application's role and says what is there. Throws `unavailable` on an unforeseen fault. */
export async function probe(address: ServerAddress): Promise<Probe> {
  const sql = `SELECT current_setting('server_version') AS version,
                      shobj_description(oid, 'pg_authid') AS mark
                 FROM pg_roles WHERE rolname = current_user`;
  try {
    const { rows } = await withClient(address, (client) =>
      client.query<{ version: string; mark: string | null }>(sql),
    );
    const [row] = rows;
    if (row?.mark !== BOOTSTRAP_MARK) return { kind: "unfinished" };
    return { kind: "ready", version: row.version.split(" ")[0] ?? row.version };
  } catch (error) {
    if (DOWN.includes(codeOf(error))) return { kind: "down" };
    if (UNFINISHED.includes(codeOf(error))) return { kind: "unfinished" };
    throw refusal(address, error);
  }
}

/** The `unavailable` AppError for a connection that failed. */
export function refusal(address: ServerAddress, error: unknown): Error {
  const why = reasonOf(error);
  const todo = codeOf(error) === "53300" ? "end some clients" : "see its log, or restart it";
  return unavailable(
    `the embedded server in ${address.host} refuses ${address.user}: ${why}; ${todo}`,
    error,
  );
}
