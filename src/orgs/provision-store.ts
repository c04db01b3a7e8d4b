import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";

/** What is learned of a database while it is made. */
export type StepNote = { state: string; schema_version?: number; breaking_version?: number };

/**
 * Notes how far provisioning got. The commit does not wait for the disk: every step may be repeated, so a
 * note that a crash of the server takes away costs nothing.
 */
export async function noteStep(tx: MetadataTx, orgId: string, note: StepNote): Promise<void> {
  await tx
    .updateTable("org_databases")
    .set({ last_error: null, ...note })
    .from(sql`(SELECT set_config('synchronous_commit', 'off', true))`.as("unhurried"))
    .where("org_id", "=", orgId)
    .execute();
}

/** Turns an organization active whose database is verified; false where it was deleted meanwhile. */
export async function activateOrganization(
  tx: MetadataTx,
  orgId: string,
  verified: StepNote,
): Promise<boolean> {
  const row = await tx
    .with("organization", (db) =>
      db
        .updateTable("organizations")
        .set({ status: "active" })
        .where("org_id", "=", orgId)
        .where("status", "=", "provisioning")
        .returning("org_id"),
    )
    .updateTable("org_databases as d")
    .from("organization as o")
    .set({ last_error: null, ...verified })
    .whereRef("d.org_id", "=", "o.org_id")
    .returning("d.org_id")
    .executeTakeFirst();
  if (row === undefined) return false;
  // A row takes one step in a statement.
  await tx.updateTable("org_databases").set({ state: "active" }).where("org_id", "=", orgId).execute();
  return true;
}

/** Notes why a step failed, for whoever looks at the organization. */
export async function noteFailure(tx: MetadataTx, orgId: string, message: string): Promise<void> {
  await tx.updateTable("org_databases").set({ last_error: message }).where("org_id", "=", orgId).execute();
}

/** The credential that the server has now: never a step back, whoever notes it last. */
export async function noteCredential(tx: MetadataTx, orgId: string, version: number): Promise<void> {
  await tx
    .updateTable("org_databases")
    .set({ credential_version: version })
    .where("org_id", "=", orgId)
    .where("credential_version", "<", version)
    .execute();
}
