import { localPrincipal, type Principal } from "../access/principal.ts";
import { selectMemberships } from "../access/store.ts";
import { AppError } from "../errors.ts";
import { selectOptionalPlaceByText } from "../orgs/store.ts";
import type { Cli } from "./cli.ts";

/** The operator, or with --as a person in the organization that is meant: what they may see hangs on it. */
export async function who(cli: Cli): Promise<Principal> {
  return cli.options.as === undefined ? cli.principal() : (await cli.member()).principal;
}

/**
 * The operator, or with --as a person wherever they are a member, for what is not one organization's: the chosen
 * one may be none of theirs.
 */
export async function whoAnywhere(cli: Cli): Promise<Principal> {
  const nowhere = await cli.principal();
  if (nowhere.is_admin) return nowhere;
  const { metadata } = await cli.context();
  const own = await metadata.system((tx) => selectMemberships(tx, nowhere.user_id));
  for (const orgId of own) {
    const principal = await localPrincipal(metadata, nowhere.username, orgId);
    if (principal.permissions.has("orgs:read")) return principal;
  }
  return nowhere;
}

/**
 * The operator, or with --as a person in the organization that a command names. Throws AppError not_found, in
 * the same words whether it is missing or not theirs.
 */
export async function whoIn(cli: Cli, org: string): Promise<Principal> {
  const user = cli.options.as;
  if (user === undefined) return cli.principal();
  const { metadata } = await cli.context();
  const place = await metadata.system((tx) => selectOptionalPlaceByText(tx, org));
  if (place === undefined) throw new AppError("not_found", "no such organization");
  return localPrincipal(metadata, user, place.org_id);
}

/** The organization that a command's argument names, else the one that every command would mean. */
export async function meant(cli: Cli, text?: string): Promise<string> {
  return text ?? (await cli.meant()).org_id;
}
