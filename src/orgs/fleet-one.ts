import type { ServerAddress } from "../db/address.ts";
import { type MigrateOptions, migrate } from "../db/migrate.ts";
import type { Migration } from "../db/migrations.ts";
import { withPatientClient } from "../db/patient.ts";
import type { Roles } from "../db/roles.ts";
import type { Direction, Step } from "../db/step.ts";
import { placeAt } from "../db/window.ts";
import { type ErrorKind, toAppError } from "../errors.ts";
import { type FleetNote, type FleetPlace, makePartitions, PARTITIONS_DUE } from "./fleet-store.ts";
import { serverOf, serversOf } from "./servers.ts";

export type FleetSettings = {
  /** The administrator of the shared database's server. */
  admin: ServerAddress;
  /** The same of another server, where RESULTS_DB_TEMPLATE names one. */
  results?: ServerAddress;
  roles: Roles;
  migrations: Migration[];
  /** True where programs reach the directory through a pooler. */
  pooled?: boolean;
};

/** `current`: there was nothing to do. `not_tried`: the run was stopped before. */
export type FleetStatus = "migrated" | "current" | "failed" | "not_tried";

export type FleetResult = {
  org_id: string;
  name: string;
  database_name: string;
  status: FleetStatus;
  steps: Step[];
  error?: string;
  /** What only the operator's own terminal may show: the server's words, which may quote a value. */
  detail?: string;
  code?: ErrorKind;
};

export type OneOptions = MigrateOptions & { direction: Direction };

/** Migrates one database. Never throws: what went wrong is in the result, and what the directory is to know beside it. */
export async function migrateOne(
  settings: FleetSettings,
  place: FleetPlace,
  options: OneOptions,
): Promise<{ result: FleetResult; note: FleetNote }> {
  const { org_id, name, database_name } = place;
  const { direction, to, steps: count, onWait } = options;
  const steps: Step[] = [];
  const seen = direction === "up" ? { seen_version: place.schema_version } : {};
  try {
    const server = serverOf(place, serversOf(settings));
    const whole = direction === "up" && to === undefined && count === undefined;
    const address = { ...server, database: database_name };
    const done = await withPatientClient(address, "aliquot migrate", async (client) => {
      const migrated = await migrate(client, settings.roles, settings.migrations, direction, {
        ...(to === undefined ? {} : { to }),
        ...(count === undefined ? {} : { steps: count }),
        ...(onWait === undefined ? {} : { onWait }),
        // A whole migration looks after the partitions of the coming months too.
        ...(whole ? { ask: PARTITIONS_DUE } : {}),
        onStep: (step) => steps.push(step),
      });
      // The steps are committed: months that can't be made now wait for the reconciler or the next write.
      if (migrated.answer) await makePartitions(client).catch(() => {});
      return migrated;
    });
    const status = steps.length === 0 ? "current" : "migrated";
    return {
      result: { org_id, name, database_name, status, steps },
      note: { org_id, ...done.place, ...seen, last_error: null },
    };
  } catch (error) {
    const { kind, message, detail } = toAppError(error);
    const words = detail === undefined ? {} : { detail };
    return {
      result: { org_id, name, database_name, status: "failed", steps, error: message, ...words, code: kind },
      note: { org_id, ...reached(settings, place, steps, direction, kind), ...seen, last_error: message },
    };
  }
}

/**
 * How far a database got whose migration failed: past the steps that were committed before, if any. A
 * connection that was lost on the way down may have taken one more: then the directory stays as low as it is.
 */
function reached(
  { migrations }: FleetSettings,
  place: FleetPlace,
  steps: Step[],
  direction: Direction,
  kind: ErrorKind,
): Pick<FleetNote, "schema_version" | "breaking_version"> {
  const last = steps.at(-1);
  if (kind === "unavailable" && (direction === "down" || last === undefined))
    return { schema_version: null, breaking_version: null };
  const { schema_version, breaking_version } = place;
  if (last === undefined) return { schema_version, breaking_version };
  return placeAt(migrations, direction === "up" ? last.version : last.version - 1);
}
