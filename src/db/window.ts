import type { Branch } from "./migrations.ts";

/** The schema versions that this program works with. */
export type SchemaWindow = {
  /** The oldest: code reads or writes what this migration made. */
  min: number;
  /** The newest that it knows. */
  max: number;
};

/** How far a database is, as its ledger or the directory's copy of it says. */
export type SchemaPlace = {
  schema_version: number;
  /** The highest applied migration that is marked breaking; 0 where none is. */
  breaking_version: number;
};

export type SchemaVerdict = "ok" | "org_upgrading" | "app_too_old";

/**
 * The oldest schema of each branch that this program still works with. Raise it in the change in which code
 * first needs what a migration made; until then databases that wait for that migration are served.
 */
export const SCHEMA_MIN: Readonly<Record<Branch, number>> = { metadata: 16, results: 24 };

/** The window of a branch: from what the code needs to the last migration that it brings. */
export function windowOf(branch: Branch, migrations: { length: number }): SchemaWindow {
  return { min: SCHEMA_MIN[branch], max: migrations.length };
}

/**
 * Whether this program may use a database: `org_upgrading` where it lacks what the code needs,
 * `app_too_old` where a migration that this program does not know is marked breaking. A database that is
 * newer in other ways is served: such migrations only add.
 */
export function schemaVerdict(place: SchemaPlace, window: SchemaWindow): SchemaVerdict {
  if (place.schema_version < window.min) return "org_upgrading";
  return place.breaking_version > window.max ? "app_too_old" : "ok";
}

/** Where a database is that has the first `version` of these migrations. */
export function placeAt(
  migrations: readonly { version: number; breaking: boolean }[],
  version: number,
): SchemaPlace {
  const breaking = migrations.slice(0, version).findLast((step) => step.breaking);
  return { schema_version: version, breaking_version: breaking?.version ?? 0 };
}
