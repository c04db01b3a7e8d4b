import type { ServerAddress } from "../db/address.ts";
import { BRANCHES, type Branch, type Migration } from "../db/migrations.ts";
import type { Roles } from "../db/roles.ts";
import { withScratchSchema } from "../db/scratch.ts";
import type { Schema } from "./schema.ts";
import { selectThings } from "./store.ts";

/**
 * Reads both branches as this program's migrations make them, each from a scratch database that is dropped
 * afterwards: nothing of an organization is opened, and none need exist. `admin` may make databases.
 * Throws AppError unavailable, and internal where a migration fails.
 */
export async function readSchemas(
  admin: ServerAddress,
  roles: Roles,
  migrations: Readonly<Record<Branch, Migration[]>>,
): Promise<Schema[]> {
  const schemas: Schema[] = [];
  for (const branch of BRANCHES) {
    const things = await withScratchSchema({ admin, roles, migrations: migrations[branch] }, (client) =>
      selectThings(client, roles),
    );
    schemas.push({ branch, ...things });
  }
  return schemas;
}
