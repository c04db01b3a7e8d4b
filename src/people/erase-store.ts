import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";

/** Puts a tombstone where a person's identity was. Returns when. */
export async function updateErased(
  tx: MetadataTx,
  userId: string,
  tombstone: { username: string; email: string },
): Promise<string> {
  const row = await tx
    .updateTable("users")
    .set({
      ...tombstone,
      hashed_password: null,
      auth_provider: "local",
      enabled: false,
      is_admin: false,
      last_login_at: null,
      erased_at: sql<string>`now()`,
    })
    .where("user_id", "=", userId)
    .returning("erased_at")
    .executeTakeFirstOrThrow();
  return row.erased_at ?? "";
}

/** Forgets what somebody called their keys. */
export async function eraseKeyNames(tx: MetadataTx, userId: string): Promise<void> {
  await tx.updateTable("api_keys").set({ name: "erased" }).where("user_id", "=", userId).execute();
}

/**
 * What says who somebody is, or acts for them: sessions, resets, invitations that they sent, used or, where the address
 * is confirmed to be theirs, that were sent to it, identities elsewhere, memberships, and answers that are kept for a
 * repeated request. Rows that only have their id stay: what they made, the job index, the audit log. An open invitation
 * to an address that nobody confirmed, and an answer that has it, are another's affair: they may be about whoever has
 * that address.
 */
export async function deletePersonal(
  tx: MetadataTx,
  {
    user_id: userId,
    email,
    email_confirmed,
  }: { user_id: string; email: string | null; email_confirmed: boolean },
): Promise<void> {
  await sql`DELETE FROM tokens WHERE user_id = ${userId}
    OR (kind = 'invite' AND (created_by = ${userId}
      OR (lower(email) = lower(${email}) AND (${email_confirmed} OR used_at IS NOT NULL))))`.execute(tx);
  await tx.deleteFrom("identities").where("user_id", "=", userId).execute();
  await tx.deleteFrom("memberships").where("user_id", "=", userId).execute();
  await sql`DELETE FROM idempotency_keys WHERE principal_id = ${userId}
    OR answer ->> 'user_id' = ${userId}
    OR (${email_confirmed} AND lower(answer ->> 'email') = lower(${email}))`.execute(tx);
}
