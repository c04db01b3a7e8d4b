import type { MetadataTx } from "../db/metadata.ts";
import { AppError } from "../errors.ts";
import { issueToken, revokeTokens } from "../identity/tokens-store.ts";
import { changePeople, ofUser, type PeopleCall } from "./call.ts";
import { findUser } from "./find.ts";
import type { ResetUser } from "./schema.ts";
import { lockUser } from "./users-store.ts";

/** How long somebody may take to choose a password. */
const RESET_SECONDS = 24 * 3600;

/**
 * Makes a token with which a person chooses a new password, and ends the ones before it. Their present password and
 * sessions hold until it is used: whoever must be kept out is disabled.
 * Throws AppError not_found, conflict (a service, or somebody who was erased).
 */
export async function resetUser(call: PeopleCall, input: { user: string }): Promise<ResetUser> {
  return changePeople(call, async (tx) => {
    const found = await findUser(tx, input.user);
    const user = (await lockUser(tx, found.user_id)) ?? found;
    const { user_id, username } = user;
    if (user.kind === "service")
      throw new AppError(
        "conflict",
        `${username} is a service: it has no password, but keys: make another key for it`,
      );
    if (user.erased_at !== null)
      throw new AppError("conflict", `${username} was erased: nobody can sign in as them any more`);
    const reset = await issueReset(tx, call, user_id);
    return { answer: { user_id, username, ...reset }, told: [ofUser(user_id)] };
  });
}

/** A token for a new password; the ones before it are of no use any more. */
export async function issueReset(
  tx: MetadataTx,
  { services, principal }: PeopleCall,
  userId: string,
): Promise<{ reset_token: string; reset_expires_at: string }> {
  await revokeTokens(tx, userId, "reset");
  const { token, expires_at } = await issueToken(tx, services.tokens, {
    kind: "reset",
    user_id: userId,
    created_by: principal.user_id,
    ttl_seconds: RESET_SECONDS,
  });
  return { reset_token: token, reset_expires_at: expires_at };
}
