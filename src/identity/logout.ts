import { AppError } from "../errors.ts";
import { sessionOver } from "./session.ts";
import type { IdentityCall } from "./sign-in.ts";
import { endSession, endSessions, lockOptionalRefresh } from "./tokens-store.ts";

export type Leaving = { refresh_token?: string; everywhere?: boolean };

/**
 * Ends the session of the refresh token, else that of the access token, or all sessions of the person. Returns how
 * many ended. Their access tokens are refused at once by this process, within 10 s by others.
 * Throws AppError: unauthenticated (neither says whose), usage (at the operator's machine there is no session to
 * end, but everywhere), forbidden (an API key: it is revoked with key.revoke).
 */
export async function logout(call: IdentityCall, input: Leaving): Promise<{ ended: number }> {
  const { services, tools } = call;
  const { ended, user_id } = await services.metadata.system(async (tx) => {
    const token = input.refresh_token;
    const row = token === undefined ? undefined : await lockOptionalRefresh(tx, token);
    if (token !== undefined && (row === undefined || row.is_expired)) throw sessionOver();
    // Who has an old token of a session may end that one and no other: a copy of it is not the person.
    if (row !== undefined && input.everywhere === true && (row.revoked || row.used_seconds_ago !== null))
      throw sessionOver();
    const { user_id, session_id } = row ?? whose(call, input);
    const ended =
      input.everywhere === true || session_id === null
        ? await endSessions(tx, user_id)
        : await endSession(tx, session_id, user_id);
    if (ended > 0)
      await tools.audit(tx, {
        entity_type: input.everywhere === true ? "user" : "session",
        entity_id: input.everywhere === true ? user_id : (session_id ?? user_id),
        org_id: null,
        user_id,
        metadata: { ended },
      });
    return { ended, user_id };
  });
  services.access.forget(user_id);
  return { ended };
}

function whose({ principal }: IdentityCall, input: Leaving): { user_id: string; session_id: string | null } {
  const { via, user_id, session_id } = principal;
  if (via === "nobody")
    throw new AppError(
      "unauthenticated",
      "say which session is to end: with its access or its refresh token",
    );
  if (via === "key") throw new AppError("forbidden", "an API key is no session: revoke the key instead");
  if (session_id === null && input.everywhere !== true)
    throw new AppError("usage", "there is no session to end here: say everywhere to end all of the person's");
  return { user_id, session_id };
}
