import { type SelectQueryBuilder, sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { DB } from "../db/tables/metadata.ts";
import { isUuid } from "../ids.ts";
import type { PageWish } from "../paging.ts";
import type { User, UserKind } from "./schema.ts";

function users(tx: MetadataTx) {
  return tx
    .selectFrom("users as u")
    .select([
      "u.user_id",
      "u.username",
      "u.enabled",
      "u.is_admin",
      "u.last_login_at",
      "u.erased_at",
      "u.created_at",
      "u.updated_at",
    ])
    .select(sql<UserKind>`u.kind`.as("kind"))
    .select(sql<boolean>`u.hashed_password IS NOT NULL`.as("has_password"))
    .select(sql<boolean>`u.email_confirmed AND u.kind = 'person'`.as("email_confirmed"))
    .select(
      sql<string | null>`CASE WHEN u.kind = 'person' THEN u.email END`.as("email"),
    ) satisfies SelectQueryBuilder<DB & { u: DB["users"] }, "u", User>;
}

/** A user by id. */
export async function selectOptionalUserById(tx: MetadataTx, userId: string): Promise<User | undefined> {
  return users(tx).where("u.user_id", "=", userId).executeTakeFirst();
}

/**
 * A user by id, username or address, whatever the case. A username has no @, so a text is one of them; an address that
 * nobody confirmed is no name.
 */
export async function selectOptionalUserByText(tx: MetadataTx, text: string): Promise<User | undefined> {
  if (isUuid(text)) return selectOptionalUserById(tx, text);
  const wanted = sql<string>`lower(${text.normalize("NFC")})`;
  if (!text.includes("@"))
    return users(tx)
      .where((eb) => eb(eb.fn("lower", ["u.username"]), "=", wanted))
      .executeTakeFirst();
  return users(tx)
    .where((eb) => eb(eb.fn("lower", ["u.email"]), "=", wanted))
    .where("u.email_confirmed", "=", true)
    .executeTakeFirst();
}

/**
 * The id of a member of an organization by id, username or address there, whoever typed that; of two with one address
 * the one whose it is confirmed to be. Whoever names a member means this one, whether they look or change.
 */
export async function selectOptionalMemberId(
  tx: MetadataTx,
  orgId: string,
  text: string,
): Promise<string | undefined> {
  const wanted = sql`lower(${text.normalize("NFC")})`;
  let called = sql<boolean>`lower(u.username) = ${wanted}`;
  if (isUuid(text)) called = sql<boolean>`u.user_id = ${text}`;
  else if (text.includes("@")) called = sql<boolean>`u.kind = 'person' AND lower(u.email) = ${wanted}`;
  const row = await tx
    .selectFrom("users as u")
    .innerJoin("memberships as m", "m.user_id", "u.user_id")
    .select("u.user_id")
    .where("m.org_id", "=", orgId)
    .where(called)
    .orderBy("u.email_confirmed", "desc")
    .orderBy("u.user_id")
    .executeTakeFirst();
  return row?.user_id;
}

/** The row of a user under lock, so that its changes have one order. */
export async function lockUser(tx: MetadataTx, userId: string): Promise<User | undefined> {
  await sql`SELECT 1 FROM users WHERE user_id = ${userId} FOR NO KEY UPDATE`.execute(tx);
  return selectOptionalUserById(tx, userId);
}

export type UserFilter = PageWish & { kind?: UserKind; enabled?: boolean; erased?: boolean };

/** Users, newest first. */
export async function selectUsers(tx: MetadataTx, filter: UserFilter): Promise<User[]> {
  let query = users(tx).orderBy("u.user_id", "desc").limit(filter.limit);
  query = query.where("u.erased_at", filter.erased === true ? "is not" : "is", null);
  if (filter.kind !== undefined) query = query.where("u.kind", "=", filter.kind);
  if (filter.enabled !== undefined) query = query.where("u.enabled", "=", filter.enabled);
  if (filter.before !== undefined) query = query.where("u.user_id", "<", filter.before.id);
  return query.execute();
}

export type NewUser = {
  user_id: string;
  username: string;
  email: string;
  kind: UserKind;
  is_admin: boolean;
  hashed_password: string | null;
  /** Absent: confirmed. */
  email_confirmed?: false;
};

export async function insertUser(tx: MetadataTx, user: NewUser): Promise<void> {
  await tx.insertInto("users").values(user).execute();
}

export async function updateEnabled(tx: MetadataTx, userId: string, enabled: boolean): Promise<void> {
  await tx.updateTable("users").set({ enabled }).where("user_id", "=", userId).execute();
}

/**
 * Locks every enabled operator until the transaction ends, so that two who take each other's place away have one
 * order. Returns who they are then.
 */
export async function lockOperators(tx: MetadataTx): Promise<string[]> {
  const rows = await sql<{ user_id: string }>`
    SELECT user_id FROM users WHERE is_admin AND enabled ORDER BY user_id FOR NO KEY UPDATE`.execute(tx);
  return rows.rows.map((row) => row.user_id);
}
