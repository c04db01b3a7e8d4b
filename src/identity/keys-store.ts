import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { PageWish } from "../paging.ts";
import type { ApiKey } from "./key-schema.ts";

function keys(tx: MetadataTx) {
  return tx
    .selectFrom("api_keys as k")
    .leftJoin("users as u", "u.user_id", "k.user_id")
    .select(["k.key_id", "k.prefix", "k.name", "k.user_id", "u.username", "k.org_id", "k.scopes"])
    .select(["k.is_active", "k.last_used_at", "k.expires_at", "k.created_by", "k.created_at"]);
}

export type NewKey = {
  key_id: string;
  org_id: string;
  user_id: string;
  prefix: string;
  key_hash: string;
  name: string;
  scopes: string[] | null;
  expires_at: string | null;
  created_by: string;
};

export async function insertKey(tx: MetadataTx, key: NewKey): Promise<ApiKey> {
  await tx.insertInto("api_keys").values(key).execute();
  return keys(tx).where("k.key_id", "=", key.key_id).executeTakeFirstOrThrow();
}

/**
 * Locks who makes a key, and, where they are a member, whom it is for, so that two at once are two, and none is made by
 * or for somebody who just left. Nobody locks the row of somebody whom they may not know of.
 */
export async function lockForKey(
  tx: MetadataTx,
  { user_id, org_id, maker_id }: { user_id: string; org_id: string; maker_id: string },
): Promise<void> {
  await sql`SELECT FROM users u WHERE u.user_id = ${maker_id} OR (u.user_id = ${user_id} AND EXISTS (
      SELECT FROM memberships m WHERE m.user_id = u.user_id AND m.org_id = ${org_id}))
    ORDER BY u.user_id FOR NO KEY UPDATE`.execute(tx);
}

/** Keys of somebody in an organization that may be used. */
export async function countKeys(tx: MetadataTx, who: { user_id: string; org_id: string }): Promise<number> {
  const counted = await sql<{ keys: number }>`
    SELECT count(*)::integer AS keys FROM api_keys
    WHERE user_id = ${who.user_id} AND org_id = ${who.org_id} AND ${isUsable()}`.execute(tx);
  return counted.rows[0]?.keys ?? 0;
}

export type KeyFilter = PageWish & { user_id?: string; active?: boolean };

/** Keys that the transaction's person may see in their organization, newest first. */
export async function selectKeys(tx: MetadataTx, filter: KeyFilter): Promise<ApiKey[]> {
  let query = keys(tx).orderBy("k.key_id", "desc").limit(filter.limit);
  if (filter.user_id !== undefined) query = query.where("k.user_id", "=", filter.user_id);
  if (filter.active !== undefined)
    query = query.where(filter.active ? isUsable() : sql<boolean>`NOT (${isUsable()})`);
  if (filter.before !== undefined) query = query.where("k.key_id", "<", filter.before.id);
  return query.execute();
}

/** A key of an organization under lock. */
export async function lockOptionalKey(
  tx: MetadataTx,
  who: { key_id: string; org_id: string },
): Promise<ApiKey | undefined> {
  return keys(tx)
    .where("k.key_id", "=", who.key_id)
    .where("k.org_id", "=", who.org_id)
    .forUpdate("k")
    .executeTakeFirst();
}

export async function revokeKey(tx: MetadataTx, keyId: string): Promise<void> {
  await tx.updateTable("api_keys").set({ is_active: false }).where("key_id", "=", keyId).execute();
}

/** Revokes somebody's own keys, in one organization or everywhere; returns how many could be used. */
export async function revokeKeysOf(tx: MetadataTx, userId: string, orgId?: string): Promise<number> {
  const there = orgId === undefined ? sql`true` : sql`org_id = ${orgId}`;
  const revoked = await sql<{ keys: number }>`
    WITH revoked AS (
      UPDATE api_keys SET is_active = false WHERE user_id = ${userId} AND ${there} AND is_active RETURNING expires_at)
    SELECT count(*) FILTER (WHERE expires_at IS NULL OR expires_at > now())::integer AS keys FROM revoked`.execute(
    tx,
  );
  return revoked.rows[0]?.keys ?? 0;
}

/** The kind of a member of an organization; undefined where nobody there has this id. */
export async function selectOptionalMemberKind(
  tx: MetadataTx,
  who: { user_id: string; org_id: string },
): Promise<"person" | "service" | undefined> {
  const row = await tx
    .selectFrom("users as u")
    .innerJoin("memberships as m", "m.user_id", "u.user_id")
    .select(sql<"person" | "service">`u.kind`.as("kind"))
    .where("u.user_id", "=", who.user_id)
    .where("m.org_id", "=", who.org_id)
    .where("u.erased_at", "is", null)
    .executeTakeFirst();
  return row?.kind;
}

function isUsable() {
  return sql<boolean>`is_active AND (expires_at IS NULL OR expires_at > now())`;
}
