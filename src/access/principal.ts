import type { MetadataDoor, Viewer } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { ADMIN_ROLES, PERMISSIONS, type Permission } from "./permissions.ts";
import { selectGrants, selectOptionalUser, type UserRow } from "./store.ts";

/** Who acts, in which organization, and what they may do there. */
export type Principal = {
  user_id: string;
  username: string;
  /** Operates the installation: may do everything, in every organization. */
  is_admin: boolean;
  org_id: string | null;
  is_org_admin: boolean;
  permissions: ReadonlySet<Permission>;
  /** How it is known who asks: at the operator's own machine, by an access token, by an API key, or not at all. */
  via: "local" | "session" | "key" | "nobody";
  /** Of a session: the family of its refresh tokens. */
  session_id: string | null;
};

/** Who did not say who they are. */
export const NOBODY: Principal = {
  user_id: "",
  username: "nobody",
  is_admin: false,
  org_id: null,
  is_org_admin: false,
  permissions: new Set(),
  via: "nobody",
  session_id: null,
};

/** A principal of whom it is known that they may do something in this organization. */
export type OrgPrincipal = Principal & { org_id: string };

/**
 * The person that a local command acts as, in an organization or in none.
 * Throws AppError not_found (no such user, or an organization that is not theirs), forbidden (disabled).
 */
export async function localPrincipal(
  metadata: MetadataDoor,
  username: string,
  orgId: string | null,
): Promise<Principal> {
  return metadata.system(async (tx) => {
    const user = await selectOptionalUser(tx, username);
    if (user === undefined) throw new AppError("not_found", `no user is called "${username}"`);
    if (!user.enabled) throw new AppError("forbidden", `user "${username}" is disabled`);
    if (user.is_admin) return operator(user, orgId);
    if (orgId === null)
      return { ...identity(user), org_id: null, is_org_admin: false, permissions: new Set() };
    const grants = await selectGrants(tx, user.user_id, orgId);
    if (!grants.is_member) throw new AppError("not_found", "no such organization");
    const permissions = PERMISSIONS.filter((name) => grants.permissions.includes(name));
    const is_org_admin = grants.roles.some((role) => ADMIN_ROLES.includes(role));
    return { ...identity(user), org_id: orgId, is_org_admin, permissions: new Set(permissions) };
  });
}

function operator(user: UserRow, orgId: string | null): Principal {
  return { ...identity(user), org_id: orgId, is_org_admin: true, permissions: new Set(PERMISSIONS) };
}

function identity(
  user: UserRow,
): Pick<Principal, "user_id" | "username" | "is_admin" | "via" | "session_id"> {
  const { user_id, username, is_admin } = user;
  return { user_id, username, is_admin, via: "local", session_id: null };
}

export function viewerOf(principal: Principal): Viewer {
  return { user_id: principal.user_id, org_id: principal.org_id, is_org_admin: principal.is_org_admin };
}
