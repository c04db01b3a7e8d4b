import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import {
  type LockedOrg,
  lockOrganizations,
  selectBelongings,
  selectWithoutOtherOwner,
} from "./members-store.ts";
import type { User } from "./schema.ts";
import { lockOperators, lockUser } from "./users-store.ts";

/*
 * An organization always has an owner who can act, and the installation an operator. Whoever would take one away locks
 * first, in this order: the operators where one of them is meant, the user, then organizations by id. So of two who do
 * it at once, the second finds what the first left.
 */

/**
 * Throws AppError conflict where the organizations, which are locked, would be without an enabled owner if this
 * person were none any more.
 */
export async function refuseLastOwner(
  tx: MetadataTx,
  user: Pick<User, "user_id" | "username">,
  owned: LockedOrg[],
): Promise<void> {
  const ids = owned.map(({ org_id }) => org_id);
  const alone = new Set(await selectWithoutOtherOwner(tx, ids, user.user_id));
  const names = owned.filter(({ org_id }) => alone.has(org_id)).map(({ name, slug }) => `${name} (${slug})`);
  if (names.length === 0) return;
  throw new AppError(
    "conflict",
    `${user.username} is the last owner of ${names.join(", ")}: make another member an owner there first, or delete the organization`,
  );
}

/**
 * A user under lock who is about to lose everything, with the organizations that they belong to, locked too.
 * Throws AppError not_found, conflict (the last owner of one, the last operator who is enabled).
 */
export async function lockLeaving(tx: MetadataTx, found: User): Promise<{ user: User; orgs: LockedOrg[] }> {
  const operators = found.is_admin ? await lockOperators(tx) : [];
  const user = await lockUser(tx, found.user_id);
  if (user === undefined) throw new AppError("not_found", "no such user");
  if (user.is_admin && user.enabled && operators.every((id) => id === user.user_id))
    throw new AppError(
      "conflict",
      `${user.username} is the last operator who is enabled: nobody could operate this installation any more`,
    );
  const belongings = await selectBelongings(tx, user.user_id);
  const orgs = await lockOrganizations(
    tx,
    belongings.map(({ org_id }) => org_id),
  );
  const owned = new Set(
    belongings.filter(({ roles }) => roles.includes("owner")).map(({ org_id }) => org_id),
  );
  await refuseLastOwner(
    tx,
    user,
    orgs.filter(({ org_id }) => owned.has(org_id)),
  );
  return { user, orgs };
}
