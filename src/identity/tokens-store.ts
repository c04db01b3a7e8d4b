import { sql } from "kysely";
import type { TokenKind, TokenMaker } from "../access/token-maker.ts";
import type { MetadataTx } from "../db/metadata.ts";
import { sha256 } from "../ids.ts";

export type NewToken = {
  kind: Exclude<TokenKind, "refresh">;
  /** Whose it is; null: an invitation of somebody who is no user yet. */
  user_id: string | null;
  org_id?: string;
  email?: string;
  role_id?: string;
  created_by?: string;
  ttl_seconds: number;
};

/** Makes an invitation or a reset; returns the token, which is stored as its hash alone and can't be told again. */
export async function issueToken(
  tx: MetadataTx,
  maker: TokenMaker,
  { kind, ttl_seconds, ...rest }: NewToken,
): Promise<{ token_id: string; token: string; expires_at: string }> {
  const token = maker.draw(kind);
  const row = await tx
    .insertInto("tokens")
    .values({ ...rest, kind, token_hash: sha256(token), expires_at: inSeconds(ttl_seconds) })
    .returning(["token_id", "expires_at"])
    .executeTakeFirstOrThrow();
  return { token_id: row.token_id, token, expires_at: row.expires_at };
}

export type UsableToken = {
  token_id: string;
  user_id: string | null;
  org_id: string | null;
  email: string | null;
  role_id: string | null;
};

/** An invitation or reset that may be used; undefined for any other text. It is not locked: `useToken` decides. */
export async function selectOptionalToken(
  tx: MetadataTx,
  kind: NewToken["kind"],
  token: string,
): Promise<UsableToken | undefined> {
  return tx
    .selectFrom("tokens")
    .select(["token_id", "user_id", "org_id", "email", "role_id"])
    .where("token_hash", "=", sha256(token))
    .where("kind", "=", kind)
    .where(isUsable())
    .executeTakeFirst();
}

/** Uses an invitation or reset up: of two at once one is told true. */
export async function useToken(tx: MetadataTx, tokenId: string): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable("tokens")
    .set({ used_at: sql<string>`now()` })
    .where("token_id", "=", tokenId)
    .where(isUsable())
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Makes a person's open tokens of a kind useless: there is another one, or no need of any. */
export async function revokeTokens(tx: MetadataTx, userId: string, kind: NewToken["kind"]): Promise<void> {
  await tx
    .updateTable("tokens")
    .set({ revoked: true })
    .where("user_id", "=", userId)
    .where("kind", "=", kind)
    .where(isUsable())
    .execute();
}

function isUsable() {
  return sql<boolean>`used_at IS NULL AND NOT revoked AND expires_at > now()`;
}

function inSeconds(seconds: number) {
  return sql<string>`now() + make_interval(secs => ${seconds})`;
}

export type NewSession = {
  session_id: string;
  user_id: string;
  org_id: string | null;
  token: string;
  address_tag: string;
  ttl_seconds: number;
};

/** The first refresh token of a session. Returns when it ends. */
export async function insertSession(tx: MetadataTx, session: NewSession): Promise<string> {
  const { session_id: family_id, user_id, org_id, token, address_tag, ttl_seconds } = session;
  const row = await tx
    .insertInto("tokens")
    .values({
      family_id,
      user_id,
      org_id,
      kind: "refresh",
      token_hash: sha256(token),
      address_tag,
      expires_at: inSeconds(ttl_seconds),
    })
    .returning("expires_at")
    .executeTakeFirstOrThrow();
  return row.expires_at;
}

export type RefreshRow = {
  token_id: string;
  session_id: string;
  user_id: string;
  org_id: string | null;
  revoked: boolean;
  is_expired: boolean;
  /** Null: it was not used yet. */
  used_seconds_ago: number | null;
};

/**
 * A refresh token under lock, and before it its person's row: whoever ends sessions of a person locks that row too,
 * and so no successor comes to be that they don't see. One lock for all, as two who share it could not both take more.
 */
export async function lockOptionalRefresh(tx: MetadataTx, token: string): Promise<RefreshRow | undefined> {
  await sql`SELECT FROM users WHERE user_id =
    (SELECT user_id FROM tokens WHERE token_hash = ${sha256(token)} AND kind = 'refresh') FOR NO KEY UPDATE`.execute(
    tx,
  );
  const found = await sql<RefreshRow>`
    SELECT token_id, family_id AS session_id, user_id, org_id, revoked, expires_at <= now() AS is_expired,
      extract(epoch FROM now() - used_at)::float8 AS used_seconds_ago
    FROM tokens WHERE token_hash = ${sha256(token)} AND kind = 'refresh' AND user_id IS NOT NULL FOR UPDATE`.execute(
    tx,
  );
  return found.rows[0];
}

/** Replaces a refresh token, which the caller locked. Returns when the session ends now. */
export async function replaceRefresh(
  tx: MetadataTx,
  old: RefreshRow,
  next: { token: string; org_id: string | null; ttl_seconds: number; ends_at: Date },
): Promise<string> {
  await tx
    .updateTable("tokens")
    .set({ used_at: sql<string>`now()` })
    .where("token_id", "=", old.token_id)
    .execute();
  const row = await tx
    .insertInto("tokens")
    .values({
      family_id: old.session_id,
      parent_id: old.token_id,
      user_id: old.user_id,
      org_id: next.org_id,
      kind: "refresh",
      token_hash: sha256(next.token),
      expires_at: sql<string>`least(${inSeconds(next.ttl_seconds)}, ${next.ends_at}::timestamptz)`,
    })
    .returning("expires_at")
    .executeTakeFirstOrThrow();
  return row.expires_at;
}

/** The token that replaced this one, where nobody used it yet. */
export async function selectOptionalUnused(
  tx: MetadataTx,
  parentId: string,
): Promise<{ org_id: string | null; expires_at: string } | undefined> {
  return tx
    .selectFrom("tokens")
    .select(["org_id", "expires_at"])
    .where("parent_id", "=", parentId)
    .where(isUsable())
    .executeTakeFirst();
}

/** Locks a person's row: their sessions begin, go on and end one after the other. */
async function lockPerson(tx: MetadataTx, userId: string): Promise<void> {
  await sql`SELECT FROM users WHERE user_id = ${userId} FOR NO KEY UPDATE`.execute(tx);
}

/** Where the session's next access tokens act; false where it ended. */
export async function updateSessionOrg(
  tx: MetadataTx,
  { user_id, session_id }: { user_id: string; session_id: string },
  orgId: string,
): Promise<boolean> {
  await lockPerson(tx, user_id);
  const { numUpdatedRows } = await tx
    .updateTable("tokens")
    .set({ org_id: orgId })
    .where("family_id", "=", session_id)
    .where("kind", "=", "refresh")
    .where(isUsable())
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Ends one session of a person; returns how many ended: one or none. */
export async function endSession(tx: MetadataTx, sessionId: string, userId: string): Promise<number> {
  await lockPerson(tx, userId);
  const ended = await sql`
    UPDATE tokens SET revoked = true
    WHERE family_id = ${sessionId} AND user_id = ${userId} AND kind = 'refresh' AND NOT revoked
    RETURNING token_id`.execute(tx);
  return ended.rows.length > 0 ? 1 : 0;
}

/**
 * Ends all sessions of a person, but for one that is to go on; returns how many ended. Access tokens of them are
 * refused within 10 s, in this process at once where the caller says `services.access.forget` after the commit.
 */
export async function endSessions(
  tx: MetadataTx,
  userId: string,
  except: string | null = null,
): Promise<number> {
  await lockPerson(tx, userId);
  const ended = await sql<{ sessions: number }>`
    WITH ended AS (
      UPDATE tokens SET revoked = true
      WHERE user_id = ${userId} AND kind = 'refresh' AND NOT revoked
        AND (${except}::uuid IS NULL OR family_id <> ${except}::uuid)
      RETURNING family_id, used_at, expires_at)
    SELECT count(DISTINCT family_id) FILTER (WHERE used_at IS NULL AND expires_at > now())::integer AS sessions
    FROM ended`.execute(tx);
  return ended.rows[0]?.sessions ?? 0;
}

/** A person keeps so many sessions; a program that signs in again and again ends its oldest ones. */
const MOST_SESSIONS = 100;

/** Deletes what a person has no more use of: tokens that expired a day ago, and the oldest sessions beyond 100. */
export async function deleteOldTokens(tx: MetadataTx, userId: string): Promise<void> {
  await sql`
    DELETE FROM tokens WHERE user_id = ${userId} AND (
      expires_at < now() - interval '1 day'
      OR (kind = 'refresh' AND family_id IN (
        SELECT family_id FROM tokens
        WHERE user_id = ${userId} AND kind = 'refresh' AND expires_at > now() AND NOT revoked
        GROUP BY family_id ORDER BY max(created_at) DESC OFFSET ${MOST_SESSIONS})))`.execute(tx);
}

/** Whether the person signed in from this network before, as far as that is remembered. */
export async function knowsAddress(tx: MetadataTx, userId: string, tag: string): Promise<boolean> {
  const row = await tx
    .selectFrom("tokens")
    .select("token_id")
    .where("user_id", "=", userId)
    .where("address_tag", "=", tag)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
