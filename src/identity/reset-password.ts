import { AppError } from "../errors.ts";
import { type PasswordChange, refusePoor, toldOfPassword } from "./change-password.ts";
import { revokeKeysOf } from "./keys-store.ts";
import { selectOptionalPersonById, updatePassword } from "./people-store.ts";
import type { Reset } from "./schema.ts";
import type { IdentityCall } from "./sign-in.ts";
import { endSessions, revokeTokens, selectOptionalToken, useToken } from "./tokens-store.ts";

/**
 * Sets the password of whoever has a reset token, which works once, and ends all their sessions. Their API keys are
 * revoked too, unless it is said that they go on: who could do without the old password may have made one. It is also
 * how a person who was just made chooses the first one. Nothing is hashed for a token that is none.
 * Throws AppError: unauthenticated (no such token, used, expired, or its person is gone or disabled), bad_input,
 * unavailable.
 */
export async function resetPassword(
  call: IdentityCall,
  { token, new_password, keep_keys = false }: Reset,
): Promise<PasswordChange> {
  const { services, tools } = call;
  const found = await services.metadata.system(async (tx) => {
    const row = await selectOptionalToken(tx, "reset", token);
    const person = row?.user_id == null ? undefined : await selectOptionalPersonById(tx, row.user_id);
    return row === undefined || person?.enabled !== true ? undefined : { ...row, person };
  });
  if (found === undefined) throw useless();
  const { token_id, person } = found;
  const { user_id, username } = person;
  refusePoor(person, new_password);
  const hash = await services.passwords.hash(new_password);
  const done = await services.metadata.system(async (tx) => {
    // First the person, then their tokens, as everybody locks them; of two at once one uses the token up.
    const changed = await updatePassword(tx, user_id, hash, person.hashed_password);
    if (!changed || !(await useToken(tx, token_id))) throw useless();
    await revokeTokens(tx, user_id, "reset");
    const ended = await endSessions(tx, user_id);
    const keys = keep_keys ? 0 : await revokeKeysOf(tx, user_id);
    await tools.audit(tx, { ...toldOfPassword(user_id, keys), user_id });
    return { ended, keys };
  });
  services.access.forget(user_id);
  return { user: { user_id, username }, ...done };
}

function useless(): AppError {
  return new AppError(
    "unauthenticated",
    "this reset token is not valid, or no longer: ask the operator for another one",
  );
}
