import { AppError } from "../errors.ts";
import type { Access } from "./permissions.ts";
import type { OrgPrincipal, Principal } from "./principal.ts";

/**
 * Throws AppError unless the principal is what an operation asks for: unauthenticated where nobody signed in,
 * forbidden where the permission is missing, or a key stands for a person who must be there. Pure.
 */
export function require(principal: Principal, access: Access): void {
  if (access === "anyone") return;
  if (principal.via === "nobody")
    throw new AppError("unauthenticated", "sign in first: this needs an access token or an API key");
  if (access === "signed_in") return;
  if (access === "in_person") {
    if (principal.via !== "key") return;
    throw new AppError("forbidden", "an API key may not do this: sign in with a password");
  }
  if (principal.permissions.has(access)) return;
  if (principal.withheld?.has(access) === true)
    throw new AppError(
      "forbidden",
      `the scopes of this API key do not cover it: it needs ${access}, which its owner has; use a key with that scope`,
    );
  throw new AppError("forbidden", `${principal.username} may not do this: it needs the permission ${access}`);
}

/** The principal as one that acts in an organization. Throws AppError usage where none is named. */
export function inOrganization(principal: Principal): OrgPrincipal {
  if (principal.org_id !== null) return { ...principal, org_id: principal.org_id };
  throw new AppError("usage", "this needs an organization: act in one with `auth.switch`");
}
