import type { ServerAddress } from "../db/address.ts";
import { AppError } from "../errors.ts";
import type { OrgPlace } from "./place.ts";

/** Servers that this process can reach: that of the shared database, and one of RESULTS_DB_TEMPLATE. */
export type Servers = { metadata: ServerAddress; results?: ServerAddress };

/** What the directory calls the server of the shared database. */
export const METADATA_SERVER = "metadata";

/** A server as the directory names it: host:port, never a password. */
export function addressOf(server: ServerAddress): string {
  return `${server.host}:${server.port}`;
}

/**
 * The server that an organization's database lies on; login and database are the caller's to fill in.
 * Throws AppError unavailable: the directory names a server that our settings don't.
 */
export function serverOf(place: Pick<OrgPlace, "name" | "server_address">, servers: Servers): ServerAddress {
  if (place.server_address === METADATA_SERVER) return servers.metadata;
  if (servers.results !== undefined && place.server_address === addressOf(servers.results)) {
    return servers.results;
  }
  throw new AppError(
    "unavailable",
    `the database of organization ${place.name} lies on ${place.server_address}, which no setting names: put the URL of that server in RESULTS_DB_TEMPLATE`,
  );
}

/** The servers that provisioning works on, as their administrator. */
export function serversOf(settings: { admin: ServerAddress; results?: ServerAddress }): Servers {
  const { admin, results } = settings;
  return results === undefined ? { metadata: admin } : { metadata: admin, results };
}
