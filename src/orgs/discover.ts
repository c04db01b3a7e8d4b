import type { ServerAddress } from "../db/address.ts";
import { withClient } from "../db/connect.ts";
import { readLedger } from "../db/ledger.ts";
import type { MetadataDoor } from "../db/metadata.ts";
import type { Roles } from "../db/roles.ts";
import { toAppError } from "../errors.ts";
import {
  type DirectoryRow,
  type Identity,
  type OwnedDatabase,
  selectDirectory,
  selectOptionalIdentity,
  selectOwnedDatabases,
} from "./discover-store.ts";
import { METADATA_SERVER, type Servers } from "./servers.ts";

export type DiscoverSettings = { servers: Servers; roles: Roles };

/**
 * known: the directory names it as it is; unknown: nobody does; wrong_generation: the directory has another
 * one; copy: the directory names another database for its organization; tombstone: its organization is deleted;
 * unfinished: it is being made; no_identity: nobody says whose it is; unreadable; missing: the directory names a
 * database that is not there; unreachable: the directory names a server that no setting does.
 */
export type FoundStatus =
  | "known"
  | "unknown"
  | "wrong_generation"
  | "copy"
  | "tombstone"
  | "unfinished"
  | "no_identity"
  | "unreadable"
  | "missing"
  | "unreachable";

export type Found = {
  database_name: string;
  server_address: string;
  status: FoundStatus;
  org_id: string | null;
  name: string | null;
  generation: number | null;
  schema_version: number | null;
  role_name: string | null;
  detail: string | null;
};

const AT_ONCE = 8;

/**
 * Looks at every results database of our servers and holds it against the directory: what an operator needs
 * who lost the directory or put an older one back. Reads only. `progress` is told how far it got.
 * Throws AppError unavailable (a server is away).
 */
export async function discover(
  metadata: MetadataDoor,
  settings: DiscoverSettings,
  progress: (done: number, total: number) => void = () => {},
): Promise<Found[]> {
  const directory = await metadata.system(selectDirectory);
  const found: Found[] = [];
  for (const [server_address, server] of serversToAsk(settings.servers)) {
    const owned = await withClient(server, "aliquot discover", (client) =>
      selectOwnedDatabases(client, settings.roles),
    );
    const wanted = owned.filter(({ database_name }) => database_name !== server.database);
    const queue = wanted.values();
    let done = 0;
    const hand = async () => {
      for (const database of queue) {
        const item = await lookAt(server, server_address, settings.roles, database, directory);
        if (item !== undefined) found.push(item);
        progress(++done, wanted.length);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, hand));
    const there = new Set(owned.map(({ database_name }) => database_name));
    found.push(
      ...directory
        .filter((row) => row.server_address === server_address && row.state === "active")
        .filter((row) => !there.has(row.database_name))
        .map((row) => missing(row)),
    );
  }
  const asked = new Set(serversToAsk(settings.servers).map(([address]) => address));
  found.push(
    ...directory
      .filter((row) => row.state === "active" && !asked.has(row.server_address))
      .map((row) => ({
        ...missing(row),
        status: "unreachable" as const,
        detail: `no setting names its server ${row.server_address}`,
      })),
  );
  return found.sort((a, b) => (a.database_name < b.database_name ? -1 : 1));
}

function serversToAsk({ metadata, results }: Servers): [string, ServerAddress][] {
  const all: [string, ServerAddress][] = [[METADATA_SERVER, metadata]];
  if (results !== undefined) all.push([`${results.host}:${results.port}`, results]);
  return all;
}

async function lookAt(
  server: ServerAddress,
  server_address: string,
  roles: Roles,
  { database_name, role_name }: OwnedDatabase,
  directory: DirectoryRow[],
): Promise<Found | undefined> {
  const named = directory.find(
    (row) => row.database_name === database_name && row.server_address === server_address,
  );
  const item: Found = {
    ...{ database_name, server_address, role_name, status: "unreadable" },
    ...{ org_id: named?.org_id ?? null, name: named?.name ?? null },
    ...{ generation: null, schema_version: null, detail: null },
  };
  try {
    return await withClient({ ...server, database: database_name }, "aliquot discover", async (client) => {
      const identity = await selectOptionalIdentity(client, roles);
      if (identity === undefined) return named === undefined ? undefined : { ...item, status: bare(named) };
      const ledger = await readLedger(client);
      const row = named ?? directory.find(({ org_id }) => org_id === identity.org_id);
      return {
        ...item,
        ...identity,
        name: row?.name ?? null,
        schema_version: ledger.at(-1)?.version ?? 0,
        status: statusOf(identity, database_name, row),
      };
    });
  } catch (error) {
    return { ...item, detail: toAppError(error).message };
  }
}

function bare(row: DirectoryRow): FoundStatus {
  return row.status === "provisioning" ? "unfinished" : "no_identity";
}

function statusOf(identity: Identity, database_name: string, row: DirectoryRow | undefined): FoundStatus {
  if (row === undefined) return "unknown";
  if (row.status === "deleted") return "tombstone";
  if (row.database_name !== database_name || row.org_id !== identity.org_id) return "copy";
  if (row.generation !== identity.generation) return "wrong_generation";
  return row.status === "provisioning" ? "unfinished" : "known";
}

function missing(row: DirectoryRow): Found {
  const { org_id, name, database_name, server_address } = row;
  return {
    ...{ database_name, server_address, status: "missing", org_id, name },
    ...{ generation: null, schema_version: null, role_name: null, detail: null },
  };
}
