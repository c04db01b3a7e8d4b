import { AppError } from "../errors.ts";
import { changeLife, type LifeCall } from "./change-life.ts";
import { updateStatus } from "./life-store.ts";
import type { OrgLife } from "./schema.ts";

/**
 * Suspends an organization: no claims from the commit on and no submissions (in other processes within the
 * 5 s that a door remembers); reading goes on, and what runs is recorded. Suspending it again changes
 * nothing. Throws AppError not_found, conflict (not made yet, or being deleted).
 */
export async function suspendOrg(call: LifeCall, input: { org: string }): Promise<OrgLife> {
  return changeLife(call, input.org, async (tx, row) => {
    if (row.status === "suspended") return undefined;
    if (row.status !== "active")
      throw new AppError(
        "conflict",
        `organization ${row.name} is ${row.status}: only an active one is suspended`,
      );
    await updateStatus(tx, row.org_id, "suspended");
    return { status: "suspended" };
  });
}
