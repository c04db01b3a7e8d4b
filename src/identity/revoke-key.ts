import { inOrganization } from "../access/policy.ts";
import { AppError } from "../errors.ts";
import { toldOf } from "./create-key.ts";
import type { ApiKey } from "./key-schema.ts";
import { lockOptionalKey, revokeKey } from "./keys-store.ts";
import type { IdentityCall } from "./sign-in.ts";

/**
 * Revokes a key of one's own, or with keys:manage anybody's in the organization; one that was revoked stays so. It
 * is refused at once by this process, within 10 s by others.
 * Throws AppError not_found: no such key, or another's.
 */
export async function revokeKeyOf(call: IdentityCall, key_id: string): Promise<ApiKey> {
  const { services, tools } = call;
  const { org_id, user_id, permissions } = inOrganization(call.principal);
  const key = await services.metadata.system(async (tx) => {
    const row = await lockOptionalKey(tx, { key_id, org_id });
    const mine = row !== undefined && (row.user_id === user_id || permissions.has("keys:manage"));
    if (!mine) throw new AppError("not_found", "no such key");
    if (!row.is_active) return row;
    await revokeKey(tx, key_id);
    await tools.audit(tx, toldOf(row));
    return { ...row, is_active: false };
  });
  services.access.forget(key.user_id);
  return key;
}
