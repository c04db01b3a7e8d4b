import { AppError } from "../errors.ts";
import type { Permission } from "./permissions.ts";
import type { OrgPrincipal, Principal } from "./principal.ts";

/** Throws AppError forbidden unless the principal has the permission. Pure. */
export function require(principal: Principal, permission: Permission): void {
  if (principal.permissions.has(permission)) return;
  throw new AppError(
    "forbidden",
    `${principal.username} may not do this: it needs the permission ${permission}`,
  );
}

/** The principal as one that acts in an organization. Throws AppError usage where none is named. */
export function inOrganization(principal: Principal): OrgPrincipal {
  if (principal.org_id !== null) return { ...principal, org_id: principal.org_id };
  throw new AppError(
    "usage",
    "this needs an organization: name one with --org, or choose one with `aliquot org use`",
  );
}
