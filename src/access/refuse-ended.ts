import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { keyGoesOn, sessionGoesOn } from "./access-store.ts";
import type { Principal } from "./principal.ts";

/** The one answer to credentials that are not believed, whatever the reason. */
export function notBelieved(): AppError {
  return new AppError(
    "unauthenticated",
    "the access token or API key is not valid, or no longer: sign in again, or use another key",
  );
}

/**
 * Throws AppError unauthenticated where the asker's session was ended, or their key revoked, in the seconds for which
 * another process still believed it: what is made with what somebody stole (a key, an invitation, an account) would
 * outlast it. It is as of this moment; whoever must be sure holds the lock on the person, under which sessions and keys
 * end.
 */
export async function refuseEnded(tx: MetadataTx, principal: Principal): Promise<void> {
  const { user_id, session_id, key_id } = principal;
  if (session_id !== null && !(await sessionGoesOn(tx, { user_id, session_id }))) throw notBelieved();
  if (key_id !== undefined && !(await keyGoesOn(tx, key_id))) throw notBelieved();
}
