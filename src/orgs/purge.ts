import { auditEntry } from "../audit/entry.ts";
import { appendAudit } from "../audit/store.ts";
import type { MetadataTx } from "../db/metadata.ts";
import type { Services } from "../services.ts";
import {
  deleteBelongings,
  deleteQueueOf,
  freezeDatabase,
  lockOptionalLife,
  selectDueDeletions,
  selectFreshTombstones,
  updateDeleted,
} from "./life-store.ts";
import { selectOptionalPlace } from "./store.ts";

export type PurgeServices = Pick<Services, "metadata" | "results" | "provisioner" | "objects" | "access">;

/**
 * Ends an organization whose grace is over: frozen and out of the queue, then its database and role dropped,
 * then its objects, then its rows; what stays is a tombstone and the audit chain. Each step may be repeated,
 * so a purge that was killed is finished by the next. Returns false where there is nothing to end (taken back,
 * grace left, gone already). Throws AppError unavailable, store_unavailable.
 */
export async function purgeOrg(
  services: PurgeServices,
  orgId: string,
  userId: string | null = null,
): Promise<boolean> {
  const { metadata, results, provisioner, objects, access } = services;
  const place = await metadata.system(async (tx) => {
    if (!(await lockDue(tx, orgId))) return undefined;
    // The intent: nobody takes it back and nobody opens it from here on.
    await freezeDatabase(tx, orgId);
    await deleteQueueOf(tx, orgId);
    return selectOptionalPlace(tx, orgId);
  });
  if (place === undefined) return false;
  results.forget(orgId);
  await provisioner.drop(place);
  await objects.removeOrganization(orgId);
  const ended = await metadata.system(async (tx) => {
    // Two at once: the second finds a tombstone.
    if (!(await lockDue(tx, orgId))) return false;
    await deleteBelongings(tx, orgId);
    await updateDeleted(tx, orgId);
    await appendAudit(tx, [
      auditEntry({
        org_id: orgId,
        user_id: userId,
        action: "org.purge",
        entity_type: "organization",
        entity_id: orgId,
      }),
    ]);
    return true;
  });
  access.forgetOrganization(orgId);
  return ended;
}

async function lockDue(tx: MetadataTx, orgId: string): Promise<boolean> {
  const row = await lockOptionalLife(tx, orgId);
  return row?.status === "deleting" && row.due;
}

/**
 * Every deletion whose grace is over, one after the other; `failed` is told of each that has to wait for the
 * next round. Returns those that ended.
 */
export async function purgeDue(
  services: PurgeServices,
  failed: (orgId: string, error: unknown) => void,
): Promise<string[]> {
  const { due, fresh } = await services.metadata.system(async (tx) => ({
    due: await selectDueDeletions(tx),
    fresh: await selectFreshTombstones(tx),
  }));
  const each = async (orgId: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      failed(orgId, error);
    }
  };
  const ended: string[] = [];
  for (const orgId of due)
    await each(orgId, async () => {
      if (await purgeOrg(services, orgId)) ended.push(orgId);
    });
  // A run that ended while its organization was dropped may have stored bytes after its objects were removed.
  for (const orgId of fresh) await each(orgId, () => services.objects.removeOrganization(orgId));
  return ended;
}
