import { type SchemaWindow, schemaVerdict } from "../db/window.ts";
import { AppError } from "../errors.ts";
import type { OrgPlace } from "./place.ts";

/** What somebody gets whose organization's login the server refuses. */
export function loginRefused(place: OrgPlace, cause: unknown): AppError {
  return new AppError(
    "unavailable",
    `the server refuses the login of organization ${place.name}: where ALIQUOT_SECRET_KEY is another one than before, \`aliquot org rotate-credentials --all\` gives every login its password again`,
    { cause },
  );
}

/** All that decides where a connection leads and as whom. */
export function poolKey(place: OrgPlace): string {
  const { org_id, generation, credential_version, server_address, database_name, role_name } = place;
  return [org_id, generation, credential_version, server_address, database_name, role_name].join(":");
}

/**
 * Whether an organization's database may be opened by this program. Throws AppError unavailable, org_upgrading,
 * app_too_old.
 */
export function checkPlace(place: OrgPlace, window: SchemaWindow): void {
  if (place.state === "frozen") {
    throw new AppError(
      "unavailable",
      `the database of organization ${place.name} is frozen while another one takes its place: try again in a few minutes`,
    );
  }
  if (place.state !== "active") {
    throw new AppError(
      "unavailable",
      `the database of organization ${place.name} is not ready (${place.state}): \`aliquot org create "${place.name}"\` finishes it`,
    );
  }
  const verdict = schemaVerdict(place, window);
  if (verdict === "org_upgrading") {
    throw new AppError(
      verdict,
      `organization ${place.name} waits for its migration: run \`aliquot migrate up\``,
    );
  }
  if (verdict === "app_too_old") {
    throw new AppError(
      verdict,
      `organization ${place.name} has a newer schema than this program: use a newer Aliquot`,
    );
  }
}
