import { type RawBuilder, sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import { isUuid } from "../ids.ts";
import type { PageWish } from "../paging.ts";
import type { AuditRow, ListAudit } from "./schema.ts";

export type AuditFilter = Omit<ListAudit, "limit" | "cursor"> & PageWish & { chain_id: string };

/** Rows of a chain, the last first, by keyset; who did it by name where the asker may know them. */
export async function selectAudit(tx: MetadataTx, filter: AuditFilter): Promise<Omit<AuditRow, "names">[]> {
  let query = tx
    .selectFrom("audit_logs as a")
    .leftJoin("users as u", "u.user_id", "a.user_id")
    .select(["a.seq", "a.audit_id", "a.ts", "a.user_id", "u.username", "a.action", "a.entity_type"])
    .select(["a.entity_id", "a.pipeline_id", "a.job_id", "a.metadata", "a.hash"])
    .where("a.chain_id", "=", filter.chain_id)
    .orderBy("a.seq", "desc")
    .limit(filter.limit);
  if (filter.since !== undefined) query = query.where("a.ts", ">=", filter.since);
  if (filter.until !== undefined) query = query.where("a.ts", "<", filter.until);
  if (filter.user !== undefined) query = query.where(byUser(filter.user));
  if (filter.action !== undefined)
    query = filter.action.includes(".")
      ? query.where("a.action", "=", filter.action)
      : query.where(
          sql<boolean>`(a.action = ${filter.action} OR starts_with(a.action, ${`${filter.action}.`}))`,
        );
  if (filter.entity_type !== undefined) query = query.where("a.entity_type", "=", filter.entity_type);
  if (filter.entity_id !== undefined) query = query.where("a.entity_id", "=", filter.entity_id);
  if (filter.job_id !== undefined) query = query.where(ofJob(filter.job_id));
  if (filter.pipeline_id !== undefined) query = query.where("a.pipeline_id", "=", filter.pipeline_id);
  if (filter.before !== undefined) query = query.where("a.seq", "<", placeOf(filter.before.at));
  return (await query.execute()) as Omit<AuditRow, "names">[];
}

/** What roles and people are called now, as far as the asker may know them. */
export async function selectNames(tx: MetadataTx, ids: string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const found = await sql<{ id: string; name: string }>`
    SELECT role_id AS id, name FROM roles WHERE role_id = ANY(${ids}::uuid[])
    UNION ALL SELECT user_id, username FROM users WHERE user_id = ANY(${ids}::uuid[])`.execute(tx);
  return new Map(found.rows.map(({ id, name }) => [id, name]));
}

/** By id, or by name whatever the case. */
function byUser(text: string): RawBuilder<boolean> {
  return isUuid(text) ? sql`a.user_id = ${text}` : sql`lower(u.username) = lower(${text.normalize("NFC")})`;
}

/** The job that it was done to, or one of several that a submission made. */
function ofJob(jobId: string): RawBuilder<boolean> {
  const named = JSON.stringify({ job_ids: [jobId.toLowerCase()] });
  return sql`(a.job_id = ${jobId} OR a.metadata @> ${named}::jsonb)`;
}

/** Whether the asker can know of such a person: by an account that they see, or by a row of that chain. */
export async function isKnownUser(tx: MetadataTx, chainId: string, user: string): Promise<boolean> {
  const found = await tx
    .selectFrom("users as u")
    .select("u.user_id")
    .where(isUuid(user) ? sql<boolean>`u.user_id = ${user}` : byUser(user))
    .limit(1)
    .executeTakeFirst();
  if (found !== undefined || !isUuid(user)) return found !== undefined;
  const row = await tx
    .selectFrom("audit_logs as a")
    .select("a.seq")
    .where("a.chain_id", "=", chainId)
    .where("a.user_id", "=", user)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** A cursor may be made up: any number there is becomes a place. */
function placeOf(at: string): number {
  return Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.ceil(Number(at))));
}
