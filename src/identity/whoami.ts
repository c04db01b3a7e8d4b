import type { Principal } from "../access/principal.ts";
import { selectGrants } from "../access/store.ts";
import { AppError } from "../errors.ts";
import type { Services } from "../services.ts";
import { selectOptionalAccount, selectOptionalReachableOrg, selectReachableOrgs } from "./people-store.ts";
import type { Whoami } from "./schema.ts";

/** Who asks, where they act, and what they may do there at this moment. Throws AppError unauthenticated (just erased). */
export async function whoami(services: Services, principal: Principal): Promise<Whoami> {
  const { user_id, org_id, permissions, expires_at, via } = principal;
  return services.metadata.system(async (tx) => {
    const account = await selectOptionalAccount(tx, user_id);
    if (account === undefined || via === "nobody")
      throw new AppError("unauthenticated", "this account is gone: sign in with another one");
    // A key that acts for an operator is told of the organization that it acts in, and has no way to another.
    const reach = { user_id, is_admin: account.is_admin };
    const org = org_id === null ? undefined : await selectOptionalReachableOrg(tx, reach, org_id);
    const roles = org_id === null ? [] : (await selectGrants(tx, user_id, org_id)).roles;
    const { username, email, kind } = account;
    return {
      user: { user_id, username, email, kind, is_admin: principal.is_admin },
      org: org ?? null,
      orgs: via === "key" ? [org ?? []].flat() : await selectReachableOrgs(tx, reach),
      roles: roles.toSorted(),
      permissions: [...permissions],
      via,
      expires_at: expires_at?.toISOString() ?? null,
    };
  });
}
