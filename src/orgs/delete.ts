import { require } from "../access/policy.ts";
import { AppError } from "../errors.ts";
import { changeLife, type LifeCall } from "./change-life.ts";
import { updateDeleting } from "./life-store.ts";
import { purgeOrg } from "./purge.ts";
import { DELETE_GRACE_DAYS, type OrgLife } from "./schema.ts";

/**
 * Begins the deletion of an organization: from now on no submissions and no claims; what runs may be recorded
 * until the database is dropped, after the grace, by the reconciler. Asked for again, the grace is counted anew.
 * Without a grace (the operator's to say) it is dropped before this returns.
 * Throws AppError not_found, forbidden, conflict (its grace is over), unavailable (the drop goes on later).
 */
export async function deleteOrg(
  call: LifeCall,
  input: { org: string; grace_days?: number },
): Promise<OrgLife> {
  const grace_days = input.grace_days ?? DELETE_GRACE_DAYS.default;
  if (grace_days === 0) require(call.principal, "orgs:operate");
  const life = await changeLife(call, input.org, async (tx, row) => {
    const ending = row.status === "deleting" && row.due;
    if (ending && grace_days > 0)
      throw new AppError("conflict", `the grace of organization ${row.name} is over: it is being dropped`);
    if (ending) return undefined;
    const delete_after = await updateDeleting(tx, row.org_id, grace_days);
    const before = row.status === "deleting" ? {} : { status_before: row.status };
    return { status: "deleting", delete_after, metadata: { grace_days, ...before } };
  });
  if (grace_days > 0) return life;
  await purgeOrg(call.services, life.org_id, call.principal.user_id);
  return { ...life, status: "deleted" };
}
