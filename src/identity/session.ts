import type { TokenMaker } from "../access/token-maker.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { timeOfId } from "../ids.ts";
import { selectOptionalReachableOrg, selectReachableOrgs } from "./people-store.ts";
import type { Switched } from "./schema.ts";

/** However often it is renewed, a session ends so long after the sign-in: what is stolen unseen is not had for good. */
const LONGEST_SESSION_SECONDS = 30 * 86_400;

/** When a session ends at the latest; where one that is not used is to last longer, then. Its id says when it began. */
export function endOfSession(
  sessionId: string,
  { refresh_ttl_seconds }: { refresh_ttl_seconds: number },
): Date {
  const seconds = Math.max(LONGEST_SESSION_SECONDS, refresh_ttl_seconds);
  return new Date(timeOfId(sessionId) + seconds * 1000);
}

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
