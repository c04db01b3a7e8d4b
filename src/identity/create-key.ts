import { type AccessRow, selectOptionalAccess } from "../access/access-store.ts";
import { drawKey } from "../access/api-key.ts";
import { IN_PERSON_PERMISSIONS, type Permission } from "../access/permissions.ts";
import { inOrganization, require } from "../access/policy.ts";
import { acting, type OrgPrincipal } from "../access/principal.ts";
import { refuseEnded } from "../access/refuse-ended.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { newId, sha256 } from "../ids.ts";
import { MOST } from "../limits/most.ts";
import type { ApiKey, KeyCreate, MadeKey } from "./key-schema.ts";
import { countKeys, insertKey, lockForKey, selectOptionalMemberKind } from "./keys-store.ts";
import type { IdentityCall } from "./sign-in.ts";

/**
 * Makes a key for oneself, or for a service account of the organization; it acts there and nowhere else. The key is in
 * this answer and never again: a repeated request gets the row without it. Throws AppError: usage (no organization),
 * unauthenticated (the session just ended), bad_input (when it ends), forbidden (a scope that its owner does not have;
 * a service account that may do more than the asker; another person), not_found, quota.
 */
export async function createKey(call: IdentityCall, input: KeyCreate): Promise<MadeKey> {
  const { services, tools } = call;
  const principal = inOrganization(call.principal);
  const expires_at = endOf(input, Date.now());
  refusePersonal(input.scopes ?? []);
  return services.metadata.system(async (tx) => {
    const known = await tools.find(tx);
    if (known?.answer != null) return known.answer as MadeKey;
    const { org_id } = principal;
    const user_id = input.user_id ?? principal.user_id;
    // Before anything is asked of them: who removes or disables somebody, or ends their sessions, locks the same rows.
    await lockForKey(tx, { user_id, org_id, maker_id: principal.user_id });
    await refuseEnded(tx, principal);
    await refuseOwner(tx, principal, { user_id, scopes: input.scopes as Permission[] | undefined });
    if ((await countKeys(tx, { user_id, org_id })) >= MOST.keys)
      throw new AppError("quota", `an account has ${MOST.keys} keys in an organization at most: revoke one`);
    const { key, prefix } = drawKey();
    const row = await insertKey(tx, {
      key_id: newId(),
      org_id,
      user_id,
      prefix,
      key_hash: sha256(key),
      name: input.name,
      scopes: input.scopes === undefined ? null : [...new Set(input.scopes)],
      expires_at,
      created_by: principal.user_id,
    });
    const made = { ...row, key };
    await tools.audit(tx, toldOf(row));
    await tools.keep(tx, made);
    return made;
  });
}

/**
 * Throws AppError bad_input where a key would make, reset or end people: whoever has it would be the installation's
 * operator soon.
 */
function refusePersonal(scopes: readonly string[]): void {
  const named: readonly string[] = IN_PERSON_PERMISSIONS;
  const at = scopes.findIndex((scope) => named.includes(scope));
  if (at < 0) return;
  const rule = `can't be ${scopes[at]}: who manages users signs in for it`;
  throw new AppError("bad_input", `scopes.${at} ${rule}`, { fields: [{ path: `/scopes/${at}`, rule }] });
}

/** Of a key: whose and with which scopes, never its name, which may be anything, nor any part of it. */
export function toldOf({ key_id, org_id, user_id, scopes }: ApiKey) {
  return {
    entity_type: "api_key",
    entity_id: key_id,
    org_id,
    metadata: { owner_id: user_id, ...(scopes === null ? {} : { scopes }) },
  };
}

function endOf({ expires_at, days }: KeyCreate, now: number): string | null {
  if (expires_at !== undefined && days !== undefined)
    throw new AppError("bad_input", "`expires_at` and `days` both say when the key ends: give one of them");
  if (days !== undefined) return new Date(now + days * 86_400_000).toISOString();
  if (expires_at === undefined) return null;
  const end = Date.parse(expires_at);
  if (end > now) return new Date(end).toISOString();
  const rule = "must be in the future";
  throw new AppError("bad_input", `\`expires_at\` ${rule}`, { fields: [{ path: "/expires_at", rule }] });
}

/**
 * Throws AppError where the asker may not make such a key for whom they name: as they stand now, for what was known of
 * them when they asked may be seconds old, and the key of a service outlasts who made it.
 */
async function refuseOwner(
  tx: MetadataTx,
  principal: OrgPrincipal,
  { user_id, scopes }: { user_id: string; scopes: Permission[] | undefined },
): Promise<void> {
  const { org_id } = principal;
  const isOther = user_id !== principal.user_id;
  const asker = isOther ? await asTheyStand(tx, principal) : principal;
  if (isOther) {
    require(asker, "keys:manage");
    const kind = await selectOptionalMemberKind(tx, { user_id, org_id });
    if (kind === undefined) throw new AppError("not_found", "no such account in this organization");
    if (kind === "person")
      throw new AppError("forbidden", "a key acts as its owner: nobody makes one for another person");
  }
  const owner = await selectOptionalAccess(tx, { user_id, org_id });
  if (!mayAct(owner)) throw new AppError("not_found", "no such account in this organization");
  const { permissions: own, is_org_admin } = acting(owner, org_id);
  const lacking = scopes?.find((scope) => !own.has(scope));
  if (lacking !== undefined)
    throw new AppError("forbidden", `the key's owner does not have ${lacking}: leave it out of the scopes`);
  const more = (scopes ?? [...own]).find((name) => !asker.permissions.has(name));
  if (isOther && (more !== undefined || (is_org_admin && !asker.is_org_admin)))
    throw new AppError("forbidden", "this account may do more than you: a key for it is not yours to make");
}

/** What the asker may still do of what they could when they asked. Throws AppError not_found where they left. */
async function asTheyStand(tx: MetadataTx, asker: OrgPrincipal): Promise<OrgPrincipal> {
  const access = await selectOptionalAccess(tx, asker);
  if (!mayAct(access)) throw new AppError("not_found", "no such organization");
  const { permissions: own, is_org_admin } = acting(access, asker.org_id);
  const permissions = new Set([...asker.permissions].filter((name) => own.has(name)));
  return { ...asker, permissions, is_org_admin: asker.is_org_admin && is_org_admin };
}

function mayAct(access: AccessRow | undefined): access is AccessRow {
  return access?.enabled === true && (access.is_member || access.is_admin);
}
