import { AppError } from "../errors.ts";
import type { Told } from "../operation.ts";
import type { Services } from "../services.ts";
import { revokeKeysOf } from "./keys-store.ts";
import { networkOf } from "./network.ts";
import { type SignInRow, selectOptionalPersonById, updatePassword } from "./people-store.ts";
import type { ChangePassword } from "./schema.ts";
import type { IdentityCall } from "./sign-in.ts";
import { endSessions, revokeTokens } from "./tokens-store.ts";

export type PasswordChange = { user: { user_id: string; username: string }; ended: number; keys: number };

/**
 * Sets another password for who knows the one that holds, and ends the person's other sessions: who has read the old
 * one may be in one of them. Their API keys go on, unless it is said that they be revoked. Guessing here counts as
 * guessing at the sign-in. Throws AppError: forbidden (the password is wrong), conflict (there is none; it was changed
 * meanwhile), bad_input, quota, unavailable.
 */
export async function changePassword(
  call: IdentityCall,
  { password, new_password, revoke_keys = false }: ChangePassword,
): Promise<PasswordChange> {
  const { services, principal, tools } = call;
  const { user_id, session_id } = principal;
  const person = await services.metadata.system((tx) => selectOptionalPersonById(tx, user_id));
  if (person?.hashed_password == null)
    throw new AppError("conflict", "this account has no password to change: ask the operator to reset it");
  refusePoor(person, new_password);
  await prove(services, person, password, networkOf(principal.address));
  const hash = await services.passwords.hash(new_password);
  const done = await services.metadata.system(async (tx) => {
    if (!(await updatePassword(tx, user_id, hash, person.hashed_password)))
      throw new AppError("conflict", "the password was changed at this moment, by another request");
    await revokeTokens(tx, user_id, "reset");
    const ended = await endSessions(tx, user_id, session_id);
    const keys = revoke_keys ? await revokeKeysOf(tx, user_id) : 0;
    await tools.audit(tx, toldOfPassword(user_id, keys));
    return { ended, keys };
  });
  services.access.forget(user_id);
  return { user: { user_id, username: person.username }, ...done };
}

/** For the audit: whose password is another one now, and what went with it. */
export function toldOfPassword(userId: string, keys: number): Told {
  const told = { entity_type: "user", entity_id: userId, org_id: null };
  return keys === 0 ? told : { ...told, metadata: { keys } };
}

async function prove(
  services: Services,
  person: SignInRow,
  password: string,
  network: string,
): Promise<void> {
  const attempt = { name: person.username, network, known: true };
  const right = await services.signIns.attempt(attempt, ({ looked }) =>
    services.passwords.verify(password, person.hashed_password, { favoured: true, looked }),
  );
  // Not unauthenticated: a client would refresh its token and ask again.
  if (!right) throw new AppError("forbidden", "the password is wrong: it was not changed");
}

/** Throws AppError bad_input where a password is the first that anybody would try. */
export function refusePoor(
  { username, email }: Pick<SignInRow, "username" | "email">,
  password: string,
  field = "new_password",
): void {
  const folded = password.normalize("NFKC").toLowerCase();
  const poor = [username, email, email.split("@")[0] ?? email].some(
    (name) => folded === name.toLowerCase() || folded === name.toLowerCase().repeat(2),
  );
  if (!poor && new Set(folded).size >= 5) return;
  const rule = "must not be your name, nor few characters over and over";
  throw new AppError("bad_input", `${field} ${rule}`, { fields: [{ path: `/${field}`, rule }] });
}
