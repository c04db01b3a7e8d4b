import { inOrganization } from "../access/policy.ts";
import { type Principal, viewerOf } from "../access/principal.ts";
import { pageOf, pageWish } from "../paging.ts";
import type { Services } from "../services.ts";
import type { ApiKey, KeyList } from "./key-schema.ts";
import { selectKeys } from "./keys-store.ts";

/** One's own keys in the organization, newest first; with keys:manage those of everybody there. */
export async function listKeys(
  { metadata }: Services,
  asker: Principal,
  { user_id, active, ...page }: KeyList,
): Promise<{ items: ApiKey[]; next_cursor: string | null }> {
  const principal = inOrganization(asker);
  // The policy shows an admin of the organization all keys of it: in this transaction, whoever manages keys is one.
  const viewer = { ...viewerOf(principal), is_org_admin: principal.permissions.has("keys:manage") };
  const wish = pageWish(page);
  const filter = {
    ...wish,
    ...(user_id === undefined ? {} : { user_id }),
    ...(active === undefined ? {} : { active }),
  };
  const rows = await metadata.member(viewer, (tx) => selectKeys(tx, filter));
  return pageOf(wish, rows, (row) => ({ at: row.created_at, id: row.key_id }));
}
