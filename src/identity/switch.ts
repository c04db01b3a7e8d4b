import { AppError } from "../errors.ts";
import { selectOptionalReachableOrg } from "./people-store.ts";
import type { Switched } from "./schema.ts";
import { accessAnswer, sessionOver } from "./session.ts";
import type { IdentityCall } from "./sign-in.ts";
import { updateSessionOrg } from "./tokens-store.ts";

/**
 * An access token for another organization of one's own; the session remembers it, so what is refreshed later acts
 * there too. The token from before goes on acting where it did, until it ends.
 * Throws AppError: not_found (no such organization, or not theirs), usage (no session: a local command).
 */
export async function switchOrg(call: IdentityCall, text: string): Promise<Switched> {
  const { services, principal, tools } = call;
  const { session_id, user_id } = principal;
  if (session_id === null)
    throw new AppError("usage", "there is no session to switch: name the organization with `org`");
  return services.metadata.system(async (tx) => {
    const org = await selectOptionalReachableOrg(tx, principal, text);
    if (org === undefined) throw new AppError("not_found", "no such organization");
    if (!(await updateSessionOrg(tx, { user_id, session_id }, org.org_id))) throw sessionOver();
    await tools.audit(tx, { entity_type: "session", entity_id: session_id, org_id: org.org_id });
    return accessAnswer(tx, services.tokens, principal, { session_id, org_id: org.org_id });
  });
}
