import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";

/** What is to be known of somebody to say what they may do in an organization, or in none. */
export type AccessRow = {
  user_id: string;
  username: string;
  enabled: boolean;
  is_admin: boolean;
  /** Null: none is meant, or there is no such organization. */
  org_status: string | null;
  is_member: boolean;
  /** Roles of the system's that they have there; what an organization's own roles are called says nothing. */
  system_roles: string[];
  /** What all their roles there give together. */
  granted: string[];
};

/** A person with what they may do, in one statement. */
export async function selectOptionalAccess(
  tx: MetadataTx,
  who: { user_id: string; org_id: string | null },
): Promise<AccessRow | undefined> {
  const held = sql`membership_roles mr JOIN roles r ON r.role_id = mr.role_id
    WHERE mr.user_id = u.user_id AND mr.org_id = o.org_id`;
  const found = await sql<AccessRow>`
    SELECT u.user_id, u.username, u.enabled, u.is_admin, o.status AS org_status, m.user_id IS NOT NULL AS is_member,
      ARRAY(SELECT r.name FROM ${held} AND r.org_id IS NULL) AS system_roles,
      ARRAY(SELECT DISTINCT p.permission FROM role_permissions p WHERE p.role_id IN (SELECT r.role_id FROM ${held})) AS granted
    FROM users u
      LEFT JOIN organizations o ON o.org_id = ${who.org_id}
      LEFT JOIN memberships m ON m.user_id = u.user_id AND m.org_id = o.org_id
    WHERE u.user_id = ${who.user_id}`.execute(tx);
  return found.rows[0];
}

/** Whether a session goes on: it has a token, and nobody ended it. */
export async function sessionGoesOn(
  tx: MetadataTx,
  session: { user_id: string; session_id: string },
): Promise<boolean> {
  const row = await tx
    .selectFrom("tokens")
    .select("token_id")
    .where("family_id", "=", session.session_id)
    .where("user_id", "=", session.user_id)
    .where("kind", "=", "refresh")
    .where("revoked", "=", false)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export type KeyAccessRow = {
  key_id: string;
  key_hash: string;
  org_id: string;
  user_id: string;
  scopes: string[] | null;
  expires_at: string | null;
  is_usable: boolean;
};

/** The key with this prefix; `is_usable` says that nobody revoked it and it did not expire. */
export async function selectOptionalKeyAccess(
  tx: MetadataTx,
  prefix: string,
): Promise<KeyAccessRow | undefined> {
  return tx
    .selectFrom("api_keys")
    .select(["key_id", "key_hash", "org_id", "user_id", "scopes", "expires_at"])
    .select(isUsable().as("is_usable"))
    .where("prefix", "=", prefix)
    .executeTakeFirst();
}

/** Whether a key may still be used: nobody revoked it, and it did not end. */
export async function keyGoesOn(tx: MetadataTx, keyId: string): Promise<boolean> {
  const row = await tx
    .selectFrom("api_keys")
    .select(isUsable().as("is_usable"))
    .where("key_id", "=", keyId)
    .executeTakeFirst();
  return row?.is_usable === true;
}

function isUsable() {
  return sql<boolean>`is_active AND (expires_at IS NULL OR expires_at > now())`;
}

/** Notes that a key is used, to the minute: the first time in each minute writes, the others change nothing. */
export async function touchKey(tx: MetadataTx, keyId: string): Promise<void> {
  await sql`UPDATE api_keys SET last_used_at = date_trunc('minute', now())
    WHERE key_id = ${keyId} AND (last_used_at IS NULL OR last_used_at < date_trunc('minute', now()))`.execute(
    tx,
  );
}
