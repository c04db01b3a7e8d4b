import { AppError } from "../errors.ts";
import { endSessions, revokeTokens } from "../identity/tokens-store.ts";
import { changePeople, ofUser, type PeopleCall } from "./call.ts";
import { findUser } from "./find.ts";
import { revokeInvitationsOf } from "./invitations-store.ts";
import { lockLeaving } from "./owners.ts";
import type { ChangedUser } from "./schema.ts";
import { lockUser, selectOptionalUserById, updateEnabled } from "./users-store.ts";

/**
 * Keeps somebody out: their sessions end, their keys are refused, what they invited to is taken back; what they own
 * stays, and `enableUser` takes it back but for the sessions and invitations.
 * Throws AppError not_found, conflict (the last owner of an organization, the last operator).
 */
export async function disableUser(call: PeopleCall, input: { user: string }): Promise<ChangedUser> {
  return changePeople<ChangedUser>(call, async (tx) => {
    const found = await findUser(tx, input.user);
    if (!found.enabled) return { answer: { ...found, changed: false }, told: [] };
    const { user } = await lockLeaving(tx, found);
    const { user_id } = user;
    await updateEnabled(tx, user_id, false);
    await endSessions(tx, user_id);
    await revokeTokens(tx, user_id, "reset");
    await revokeInvitationsOf(tx, user_id);
    const after = (await selectOptionalUserById(tx, user_id)) ?? user;
    return { answer: { ...after, changed: user.enabled }, told: [ofUser(user_id)], forget: [user_id] };
  });
}

/** Lets somebody in again. Throws AppError not_found, conflict (erased). */
export async function enableUser(call: PeopleCall, input: { user: string }): Promise<ChangedUser> {
  return changePeople<ChangedUser>(call, async (tx) => {
    const found = await findUser(tx, input.user);
    const user = (await lockUser(tx, found.user_id)) ?? found;
    const { user_id, username } = user;
    if (user.erased_at !== null)
      throw new AppError("conflict", `${username} was erased: that can't be taken back`);
    if (user.enabled) return { answer: { ...user, changed: false }, told: [] };
    await updateEnabled(tx, user_id, true);
    const after = (await selectOptionalUserById(tx, user_id)) ?? user;
    return { answer: { ...after, changed: true }, told: [ofUser(user_id)], forget: [user_id] };
  });
}
