import { parseAddress, type ServerAddress } from "../db/address.ts";
import { AppError } from "../errors.ts";
import { addressOf, METADATA_SERVER } from "./servers.ts";

/** Where a new organization's database goes and what it and its login role are called. */
export type PlaceNames = {
  /** As the directory has it: `metadata`, or host:port. */
  server_address: string;
  /** Administrator of that server where it is another one; his database is where he stands to make others. */
  results?: ServerAddress;
  nameOf(orgId: string): string;
};

const SLOT = "{org_id}";
const DEFAULT = `results_${SLOT}`;
const ID_LENGTH = 32;
/** NAMEDATALEN - 1: PostgreSQL cuts what is longer, and two names could become one. */
const LONGEST = 63;
/** Every server has it, and it is no organization's. */
const MAINTENANCE_DATABASE = "postgres";

/**
 * Reads RESULTS_DB_TEMPLATE: a name with {org_id} in it, or a URL whose database is such a name and whose
 * server gets the databases. A URL of one of the `known` servers means the shared database's server.
 * Throws AppError usage.
 */
export function placeNames(template: string | undefined, known: ServerAddress[]): PlaceNames {
  if (template?.includes("://") !== true) return named(template ?? DEFAULT, METADATA_SERVER);
  const url = addressIn(template);
  const address = addressOf(url);
  if (known.some((server) => addressOf(server) === address)) return named(url.database, METADATA_SERVER);
  if (url.user === "") throw refused("names a server without a user who may make databases there");
  return { ...named(url.database, address), results: { ...url, database: MAINTENANCE_DATABASE } };
}

function named(pattern: string, server_address: string): PlaceNames {
  if (pattern.split(SLOT).length !== 2)
    throw refused(
      `must hold ${SLOT} once in the name of the database, so that each organization gets its own`,
    );
  const rest = pattern.replace(SLOT, "");
  if (!/^[a-z0-9_]*$/.test(rest)) {
    throw refused(`may have lowercase letters, digits and _ beside ${SLOT} in the name, and has "${rest}"`);
  }
  if (rest.length + ID_LENGTH > LONGEST) {
    const most = LONGEST - ID_LENGTH;
    throw refused(
      `has ${rest.length} characters beside ${SLOT} and may have ${most}: PostgreSQL cuts names at ${LONGEST}`,
    );
  }
  if (/^pg_/.test(pattern)) throw refused("begins with pg_, which PostgreSQL keeps for its own roles");
  return {
    server_address,
    nameOf: (orgId) => pattern.replace(SLOT, orgId.replaceAll("-", "")),
  };
}

/** The URL's server; a driver in the scheme, as SQLAlchemy writes it, is understood and dropped. */
function addressIn(template: string): ServerAddress {
  const text = template.replace(/^postgres(ql)?(\+[a-z0-9]+)?:/i, "postgresql:");
  if (!text.startsWith("postgresql:") || !URL.canParse(text)) {
    throw refused(`must be a name or a URL such as postgresql://user:password@host:5432/${DEFAULT}`);
  }
  try {
    return parseAddress(text);
  } catch (cause) {
    if (!(cause instanceof AppError)) throw cause;
    throw new AppError("usage", cause.message.replace("DATABASE_URL", "RESULTS_DB_TEMPLATE"), { cause });
  }
}

function refused(why: string): AppError {
  return new AppError("usage", `settings: RESULTS_DB_TEMPLATE ${why}`);
}
