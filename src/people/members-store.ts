import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { PageWish } from "../paging.ts";
import type { UserKind } from "./schema.ts";

export type LockedOrg = { org_id: string; name: string; slug: string; members: number | null };

/**
 * Locks organizations, in the one order, until the transaction ends: whoever changes who belongs to one, or what
 * they may do there, waits here, so that "is there another owner" is asked of what holds. What refers to the row goes
 * on. Gone ones are left out.
 */
export async function lockOrganizations(tx: MetadataTx, orgIds: string[]): Promise<LockedOrg[]> {
  const rows = await sql<LockedOrg>`
    SELECT org_id, name, slug, (quotas ->> 'members')::bigint AS members FROM organizations
    WHERE org_id = ANY (${orgIds}::uuid[]) AND status <> 'deleted' ORDER BY org_id FOR NO KEY UPDATE`.execute(
    tx,
  );
  return rows.rows;
}

export type HeldRole = { role_id: string; name: string; system: boolean; permissions: string[] };

/** Roles that a member has in an organization. */
export async function selectHeldRoles(tx: MetadataTx, userId: string, orgId: string): Promise<HeldRole[]> {
  const rows = await sql<HeldRole>`
    SELECT r.role_id, r.name, r.org_id IS NULL AS system,
      array_remove(array_agg(p.permission ORDER BY p.permission), NULL) AS permissions
    FROM membership_roles m JOIN roles r USING (role_id) LEFT JOIN role_permissions p USING (role_id)
    WHERE m.user_id = ${userId} AND m.org_id = ${orgId} GROUP BY r.role_id ORDER BY r.name`.execute(tx);
  return rows.rows;
}

export async function isMember(tx: MetadataTx, userId: string, orgId: string): Promise<boolean> {
  const row = await tx
    .selectFrom("memberships")
    .select("user_id")
    .where("user_id", "=", userId)
    .where("org_id", "=", orgId)
    .executeTakeFirst();
  return row !== undefined;
}

/** People in an organization; its services count for nothing. */
export async function countPeople(tx: MetadataTx, orgId: string): Promise<number> {
  const rows = await sql<{ people: number }>`
    SELECT count(*) AS people FROM memberships m JOIN users u USING (user_id)
    WHERE m.org_id = ${orgId} AND u.kind = 'person'`.execute(tx);
  return rows.rows[0]?.people ?? 0;
}

/** Service accounts of an organization. */
export async function countServices(tx: MetadataTx, orgId: string): Promise<number> {
  const rows = await sql<{ services: number }>`
    SELECT count(*) AS services FROM memberships m JOIN users u USING (user_id)
    WHERE m.org_id = ${orgId} AND u.kind = 'service' AND u.erased_at IS NULL`.execute(tx);
  return rows.rows[0]?.services ?? 0;
}

/** Of these organizations, those where nobody is an enabled owner but, perhaps, this person. */
export async function selectWithoutOtherOwner(
  tx: MetadataTx,
  orgIds: string[],
  userId: string,
): Promise<string[]> {
  const rows = await sql<{ org_id: string }>`
    SELECT o.org_id FROM unnest(${orgIds}::uuid[]) AS o (org_id) WHERE NOT EXISTS (
      SELECT 1 FROM membership_roles m JOIN roles r USING (role_id) JOIN users u ON u.user_id = m.user_id
      WHERE m.org_id = o.org_id AND m.user_id <> ${userId} AND r.org_id IS NULL AND r.name = 'owner'
        AND u.enabled AND u.kind = 'person')
    ORDER BY o.org_id`.execute(tx);
  return rows.rows.map((row) => row.org_id);
}

export type BelongingRow = { org_id: string; slug: string; name: string; roles: string[]; joined_at: string };

/** Organizations that a user is a member of, oldest first, with their roles there. */
export async function selectBelongings(tx: MetadataTx, userId: string): Promise<BelongingRow[]> {
  const rows = await sql<BelongingRow>`
    SELECT o.org_id, o.slug, o.name, m.created_at AS joined_at,
      array_remove(array_agg(r.name ORDER BY r.name), NULL) AS roles
    FROM memberships m JOIN organizations o USING (org_id)
      LEFT JOIN membership_roles mr ON mr.user_id = m.user_id AND mr.org_id = m.org_id
      LEFT JOIN roles r ON r.role_id = mr.role_id
    WHERE m.user_id = ${userId} GROUP BY o.org_id, m.created_at ORDER BY o.org_id`.execute(tx);
  return rows.rows;
}

export async function insertMember(
  tx: MetadataTx,
  member: { user_id: string; org_id: string; role_ids: string[] },
): Promise<void> {
  const { user_id, org_id, role_ids } = member;
  await tx.insertInto("memberships").values({ user_id, org_id }).execute();
  await insertRoles(tx, member, role_ids);
}

export async function insertRoles(
  tx: MetadataTx,
  { user_id, org_id }: { user_id: string; org_id: string },
  roleIds: string[],
): Promise<void> {
  if (roleIds.length === 0) return;
  const rows = roleIds.map((role_id) => ({ user_id, org_id, role_id }));
  await tx.insertInto("membership_roles").values(rows).execute();
}

export async function deleteRoles(
  tx: MetadataTx,
  { user_id, org_id }: { user_id: string; org_id: string },
  roleIds: string[],
): Promise<void> {
  if (roleIds.length === 0) return;
  await tx
    .deleteFrom("membership_roles")
    .where("user_id", "=", user_id)
    .where("org_id", "=", org_id)
    .where("role_id", "in", roleIds)
    .execute();
}

export async function deleteMember(tx: MetadataTx, userId: string, orgId: string): Promise<void> {
  await tx.deleteFrom("memberships").where("user_id", "=", userId).where("org_id", "=", orgId).execute();
}

/** Keys that somebody made for an organization's services, and so has seen, that still work. */
export async function countServiceKeys(tx: MetadataTx, userId: string, orgId: string): Promise<number> {
  const rows = await sql<{ keys: number }>`
    SELECT count(*) AS keys FROM api_keys
    WHERE created_by = ${userId} AND user_id <> ${userId} AND org_id = ${orgId} AND is_active
      AND (expires_at IS NULL OR expires_at > now())`.execute(tx);
  return rows.rows[0]?.keys ?? 0;
}

export type MemberRow = {
  user_id: string;
  username: string;
  kind: UserKind;
  enabled: boolean;
  roles: string[];
  email: string | null;
  email_confirmed: boolean | null;
  last_login_at: string | null;
  joined_at: string;
  updated_at: string;
};

export type MemberFilter = PageWish & {
  role?: string;
  kind?: UserKind;
  user_id?: string;
};

/** Members of an organization, the newest users first. `whole`: with what only who manages them may see. */
export async function selectMembers(
  tx: MetadataTx,
  orgId: string,
  filter: MemberFilter & { whole: boolean },
): Promise<MemberRow[]> {
  const { role, kind, user_id, before, whole, limit } = filter;
  const email = whole ? sql`CASE WHEN u.kind = 'person' THEN u.email END` : sql`NULL::text`;
  const confirmed = whole ? sql`CASE WHEN u.kind = 'person' THEN u.email_confirmed END` : sql`NULL::boolean`;
  const login = whole ? sql`u.last_login_at` : sql`NULL::timestamptz`;
  const wishes = [
    sql`m.org_id = ${orgId}`,
    ...(before === undefined ? [] : [sql`u.user_id < ${before.id}`]),
    ...(user_id === undefined ? [] : [sql`u.user_id = ${user_id}`]),
    ...(kind === undefined ? [] : [sql`u.kind = ${kind}`]),
    ...(role === undefined
      ? []
      : [
          sql`EXISTS (SELECT 1 FROM membership_roles x JOIN roles y USING (role_id)
            WHERE x.user_id = m.user_id AND x.org_id = m.org_id AND y.name = ${role})`,
        ]),
  ];
  const rows = await sql<MemberRow>`
    SELECT u.user_id, u.username, u.kind, u.enabled, ${email} AS email, ${confirmed} AS email_confirmed,
      ${login} AS last_login_at, m.created_at AS joined_at, m.updated_at,
      ARRAY(SELECT r.name FROM membership_roles mr JOIN roles r USING (role_id)
        WHERE mr.user_id = m.user_id AND mr.org_id = m.org_id ORDER BY r.name) AS roles
    FROM memberships m JOIN users u USING (user_id)
    WHERE ${sql.join(wishes, sql` AND `)} ORDER BY u.user_id DESC LIMIT ${limit}`.execute(tx);
  return rows.rows;
}
