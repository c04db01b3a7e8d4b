import type { ServerAddress } from "../db/address.ts";
import { withClient } from "../db/connect.ts";
import type { MetadataDoor } from "../db/metadata.ts";
import { type MigrateOptions, migrateDown, migrateUp, readLedger, type Step } from "../db/migrate.ts";
import type { Migration } from "../db/migrations.ts";
import type { Roles } from "../db/roles.ts";
import { toAppError } from "../errors.ts";
import type { OrgPlace } from "./place.ts";
import { selectPlaces, updateDatabaseState } from "./store.ts";

export type FleetSettings = { admin: ServerAddress; roles: Roles; migrations: Migration[] };

export type FleetResult = { org_id: string; name: string; steps: Step[]; error?: string };

const AT_ONCE = 4;

/**
 * Migrates the databases of organizations that are past provisioning, a few at a time. One that fails
 * is reported and the others go on. The database's own commit comes first, the directory's copy of the
 * version after it, so a crash between the two is mended by the next run.
 */
export async function migrateFleet(
  metadata: MetadataDoor,
  settings: FleetSettings,
  options: { direction: "up" | "down"; org_id?: string } & MigrateOptions,
): Promise<FleetResult[]> {
  const places = (await metadata.system(selectPlaces)).filter(
    (place) => place.state === "active" && (options.org_id === undefined || place.org_id === options.org_id),
  );
  const results: FleetResult[] = [];
  const queue = places.values();
  const hand = async () => {
    for (const place of queue) results.push(await migrateOne(metadata, settings, place, options));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, hand));
  return results.sort((a, b) => (a.org_id < b.org_id ? -1 : 1));
}

async function migrateOne(
  metadata: MetadataDoor,
  settings: FleetSettings,
  place: OrgPlace,
  options: { direction: "up" | "down" } & MigrateOptions,
): Promise<FleetResult> {
  const run = options.direction === "up" ? migrateUp : migrateDown;
  try {
    const address = { ...settings.admin, database: place.database_name };
    const [steps, version] = await withClient(address, "aliquot migrate", async (client) => {
      const taken = await run(client, settings.roles, settings.migrations, options);
      const whole = options.direction === "up" && options.to === undefined && options.steps === undefined;
      if (whole) await client.query("SELECT ensure_partitions()");
      return [taken, (await readLedger(client)).length] as const;
    });
    if (version !== place.schema_version) {
      await metadata.system((tx) => updateDatabaseState(tx, place.org_id, { schema_version: version }));
    }
    return { org_id: place.org_id, name: place.name, steps };
  } catch (error) {
    const message = toAppError(error).message;
    await metadata.system((tx) => updateDatabaseState(tx, place.org_id, { last_error: message }));
    return { org_id: place.org_id, name: place.name, steps: [], error: message };
  }
}
