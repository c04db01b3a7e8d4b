import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { countPeople, type LockedOrg, type MemberRow, selectMembers } from "./members-store.ts";

/** One member as who manages members sees them. */
export async function memberOf(tx: MetadataTx, orgId: string, userId: string): Promise<MemberRow> {
  const [row] = await selectMembers(tx, orgId, { user_id: userId, limit: 1, whole: true });
  if (row === undefined) throw new AppError("internal", "a member who was just read is not there");
  return row;
}

/** Throws AppError quota where an organization, which is locked, has as many people as it may. */
export async function refuseFull(tx: MetadataTx, org: LockedOrg): Promise<void> {
  if (org.members === null) return;
  const people = await countPeople(tx, org.org_id);
  if (people < org.members) return;
  throw new AppError(
    "quota",
    `organization ${org.name} has ${people} people and may have ${org.members}: remove somebody, or ask the operator to raise its quota`,
  );
}
