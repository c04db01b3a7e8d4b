import type { MetadataDoor, Viewer } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { type AccessRow, selectOptionalAccess } from "./access-store.ts";
import { ADMIN_ROLES, PERMISSIONS, type Permission } from "./permissions.ts";
import { selectOptionalUser } from "./store.ts";

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
  /** Of a key: which one. */
  key_id?: string;
  /** Of a key: what its owner may do and the key may not, because no scope of it says so. */
  withheld?: ReadonlySet<Permission>;
  /** When the access token or the key ends; absent: never. */
  expires_at?: Date;
  /** Where the asker is, as the API sees it; absent at the operator's own machine. */
  address?: string;
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
    const access = await selectOptionalAccess(tx, { user_id: user.user_id, org_id: orgId });
    if (access === undefined) throw new AppError("not_found", `no user is called "${username}"`);
    if (orgId !== null && !access.is_admin && !access.is_member)
      throw new AppError("not_found", "no such organization");
    return { ...acting(access, orgId), via: "local", session_id: null };
  });
}

/** What somebody may do in person: all in every organization where they operate the installation, else what roles give. */
export function acting(access: AccessRow, orgId: string | null): Omit<Principal, "via" | "session_id"> {
  const { user_id, username, is_admin, system_roles, granted } = access;
  const permissions = PERMISSIONS.filter((name) => is_admin || granted.includes(name));
  const is_org_admin = is_admin || system_roles.some((role) => ADMIN_ROLES.includes(role));
  return { user_id, username, is_admin, org_id: orgId, is_org_admin, permissions: new Set(permissions) };
}

export function viewerOf(principal: Principal): Viewer {
  return { user_id: principal.user_id, org_id: principal.org_id, is_org_admin: principal.is_org_admin };
}
