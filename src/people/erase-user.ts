import { revokeKeysOf } from "../identity/keys-store.ts";
import { changePeople, ofMember, ofUser, type PeopleCall } from "./call.ts";
import { deletePersonal, eraseKeyNames, updateErased } from "./erase-store.ts";
import { findUser } from "./find.ts";
import { tombstoneEmail, tombstoneName } from "./names.ts";
import { lockLeaving } from "./owners.ts";
import type { ErasedUser } from "./schema.ts";

/**
 * Replaces a person's identity by a tombstone, for good: name, address, password, sessions, keys, memberships and
 * identities elsewhere go. Their id stays, and with it the rows that they own in organizations and the audit log,
 * which holds ids alone and so need not change. Told in the chain of each organization that they leave, too.
 * Throws AppError not_found, conflict (the last owner of an organization, the last enabled operator).
 */
export async function eraseUser(call: PeopleCall, input: { user: string }): Promise<ErasedUser> {
  return changePeople(call, async (tx) => {
    const found = await findUser(tx, input.user);
    const { user, orgs } = await lockLeaving(tx, found);
    const { user_id } = user;
    if (user.erased_at !== null)
      return { answer: already(user.user_id, user.username, user.erased_at), told: [] };
    const keys = await revokeKeysOf(tx, user_id);
    await eraseKeyNames(tx, user_id);
    await deletePersonal(tx, user);
    const erased_at = await updateErased(tx, user_id, {
      username: tombstoneName(user_id),
      email: tombstoneEmail(user_id),
    });
    return {
      answer: {
        user_id,
        username: (await findUser(tx, user_id)).username,
        erased_at,
        memberships: orgs.length,
        keys,
        changed: true,
      },
      // The installation's chain first, then organizations by id: two erasures lock them in one order.
      told: [
        ofUser(user_id, { memberships: orgs.length, keys }),
        ...orgs.map(({ org_id }) => ofMember(org_id, user_id)),
      ],
      forget: [user_id],
    };
  });
}

function already(user_id: string, username: string, erased_at: string): ErasedUser {
  return { user_id, username, erased_at, memberships: 0, keys: 0, changed: false };
}
