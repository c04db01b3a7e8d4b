import type pg from "pg";
import type { ServerAddress } from "../db/address.ts";
import { lendBriefly } from "../db/briefly.ts";
import { MONTHS_DUE } from "../db/months.ts";
import { ident, literal, type Roles } from "../db/roles.ts";
import { AppError } from "../errors.ts";
import type { OrgPlace } from "./place.ts";
import { METADATA_SERVER } from "./servers.ts";

type Said = { org_id: string; generation: number; version: number };

/**
 * Logs in as the organization will, says whose database this is where nobody said it, and makes the
 * partitions of these months. Returns the version of the schema that the database's own ledger has: one that
 * was made before an upgrade is older than this program. Throws AppError conflict (another's database).
 */
export async function identifyDatabase(
  login: ServerAddress,
  roles: Roles,
  place: Pick<OrgPlace, "org_id" | "generation" | "database_name" | "server_address">,
): Promise<number> {
  return lendBriefly(login, "aliquot provisioning", async (client) => {
    // On the directory's own server the commit that turns the organization active waits for this one too.
    const waits = place.server_address === METADATA_SERVER ? "off" : "on";
    // One message: the first session of a new database pays for each with a cold cache.
    const answers = (await client.query(
      `SET ROLE ${ident(roles.system)}; SET synchronous_commit = ${waits};
       WITH made AS (
         INSERT INTO database_identity (org_id, generation)
         VALUES (${literal(place.org_id)}, ${Number(place.generation)})
         ON CONFLICT DO NOTHING RETURNING org_id, generation),
       said AS (SELECT org_id, generation FROM made UNION ALL SELECT org_id, generation FROM database_identity)
       SELECT org_id, generation, (SELECT max(version) FROM schema_migrations) AS version,
         -- A template of this month has them all: then the function, cold in a new session, is not called.
         CASE WHEN ${MONTHS_DUE} THEN ensure_partitions() END
       FROM said`,
    )) as unknown as pg.QueryResult<Said>[];
    const said = answers.at(-1)?.rows[0];
    if (said?.org_id === place.org_id && said.generation === place.generation) return said.version;
    throw new AppError("conflict", `database ${place.database_name} belongs to another organization`);
  });
}
