import type { TokenMaker } from "../access/token-maker.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { selectOptionalReachableOrg, selectReachableOrgs } from "./people-store.ts";
import type { Switched } from "./schema.ts";

/** Who a session is of. */
export type SessionPerson = { user_id: string; username: string; is_admin: boolean };

/**
 * A new access token and what goes with it. An organization that is not theirs any longer counts as none: the
 * session goes on, and they choose another one.
 */
export async function accessAnswer(
  tx: MetadataTx,
  tokens: TokenMaker,
  person: SessionPerson,
  session: { session_id: string; org_id: string | null },
): Promise<Switched> {
  const { user_id, username } = person;
  const { session_id, org_id } = session;
  const org = org_id === null ? undefined : await selectOptionalReachableOrg(tx, person, org_id);
  const { token } = tokens.access({ user_id, org_id: org?.org_id ?? null, session_id });
  return {
    access_token: token,
    token_type: "Bearer",
    expires_in: tokens.settings.access_ttl_seconds,
    user: { user_id, username },
    org: org ?? null,
    orgs: await selectReachableOrgs(tx, person),
  };
}

/** The one answer to whoever's session is over, whatever the reason. */
export function sessionOver(): AppError {
  return new AppError("unauthenticated", "the session ended, or this token is none of its: sign in again");
}
