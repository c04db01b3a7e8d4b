import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { PageWish } from "../paging.ts";
import type { Invitation } from "./member-schema.ts";

const OPEN = sql`t.kind = 'invite' AND NOT t.revoked AND t.used_at IS NULL AND t.expires_at > now()`;

/** Invitations to an organization that can still be accepted, newest first. */
export async function selectInvitations(
  tx: MetadataTx,
  orgId: string,
  { limit, before }: PageWish,
): Promise<Invitation[]> {
  const after = before === undefined ? sql`true` : sql`t.token_id < ${before.id}`;
  const rows = await sql<Invitation>`
    SELECT t.token_id AS invitation_id, t.email, r.name AS role, t.created_by, t.created_at, t.expires_at
    FROM tokens t JOIN roles r USING (role_id)
    WHERE t.org_id = ${orgId} AND ${OPEN} AND ${after} ORDER BY t.token_id DESC LIMIT ${limit}`.execute(tx);
  return rows.rows;
}

/** How many invitations to an organization are open. */
export async function countInvitations(tx: MetadataTx, orgId: string): Promise<number> {
  const rows = await sql<{ open: number }>`
    SELECT count(*) AS open FROM tokens t WHERE t.org_id = ${orgId} AND ${OPEN}`.execute(tx);
  return rows.rows[0]?.open ?? 0;
}

/** How many invitations to an organization were used within 24 hours: their rows stay a day longer than they could be. */
export async function countAccepted(tx: MetadataTx, orgId: string): Promise<number> {
  const rows = await sql<{ used: number }>`
    SELECT count(*) AS used FROM tokens t
    WHERE t.org_id = ${orgId} AND t.kind = 'invite' AND t.used_at > now() - interval '24 hours'`.execute(tx);
  return rows.rows[0]?.used ?? 0;
}

/** Takes back what an address was invited to in an organization: another invitation takes its place. */
export async function revokeInvitationsTo(tx: MetadataTx, orgId: string, email: string): Promise<void> {
  await sql`UPDATE tokens t SET revoked = true
    WHERE t.org_id = ${orgId} AND lower(t.email) = lower(${email}) AND ${OPEN}`.execute(tx);
}

/** An invitation by its id. */
export async function selectInvitation(tx: MetadataTx, tokenId: string): Promise<Invitation> {
  const rows = await sql<Invitation>`
    SELECT t.token_id AS invitation_id, t.email, r.name AS role, t.created_by, t.created_at, t.expires_at
    FROM tokens t JOIN roles r USING (role_id) WHERE t.token_id = ${tokenId}`.execute(tx);
  return rows.rows[0] as Invitation;
}

/** Takes an open invitation of an organization back. */
export async function revokeInvitation(
  tx: MetadataTx,
  orgId: string,
  tokenId: string,
): Promise<Invitation | undefined> {
  const rows = await sql<Invitation>`
    UPDATE tokens t SET revoked = true FROM roles r
    WHERE r.role_id = t.role_id AND t.token_id = ${tokenId} AND t.org_id = ${orgId} AND ${OPEN}
    RETURNING t.token_id AS invitation_id, t.email, r.name AS role, t.created_by, t.created_at, t.expires_at`.execute(
    tx,
  );
  return rows.rows[0];
}

/**
 * Takes back what a person invited to, in one organization or everywhere: who may no longer invite must not come
 * back through a door that they left open. Returns how many were open.
 */
export async function revokeInvitationsOf(tx: MetadataTx, userId: string, orgId?: string): Promise<number> {
  const where = orgId === undefined ? sql`true` : sql`t.org_id = ${orgId}`;
  const done = await sql`UPDATE tokens t SET revoked = true
    WHERE t.created_by = ${userId} AND ${where} AND ${OPEN}`.execute(tx);
  return Number(done.numAffectedRows ?? 0);
}
