import { require } from "../access/policy.ts";
import { AppError } from "../errors.ts";
import { changeLife, type LifeCall } from "./change-life.ts";
import { type LifeRow, updateStatus } from "./life-store.ts";
import type { OrgLife, OrgStatus } from "./schema.ts";

/**
 * Takes an organization back: a suspended one is active again (the operator's to say), one that is being
 * deleted is what it was before, as long as its grace lasts. An active one stays as it is.
 * Throws AppError not_found, forbidden, conflict (not made yet; the grace is over).
 */
export async function resumeOrg(call: LifeCall, input: { org: string }): Promise<OrgLife> {
  return changeLife(call, input.org, async (tx, row) => {
    if (row.status === "active") return undefined;
    if (row.status === "provisioning")
      throw new AppError(
        "conflict",
        `organization ${row.name} is not made yet: \`aliquot org create "${row.name}"\` finishes it`,
      );
    if (row.status === "suspended") require(call.principal, "orgs:operate");
    const status = row.status === "deleting" ? takenBack(row) : "active";
    await updateStatus(tx, row.org_id, status);
    return { status, metadata: { status_before: row.status } };
  });
}

function takenBack(row: LifeRow): OrgStatus {
  if (row.due || row.state === "frozen" || row.state === "dropped")
    throw new AppError(
      "conflict",
      `the grace of organization ${row.name} is over: its database is being dropped, or it is already`,
    );
  if (row.state !== "active") return "provisioning";
  // Who was suspended before asking to be deleted is not active after thinking better of it.
  return row.suspended_at === null ? "active" : "suspended";
}
