import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import { type AuditEntry, auditTime } from "./entry.ts";

/** A link as the verifier needs it: where it stands, what it says, and the hashes that are claimed. */
export type Link = { seq: number; prev_hash: string; hash: string; entry: AuditEntry };

/** The links of a chain after one, by number. */
export async function selectLinks(
  tx: MetadataTx,
  chainId: string,
  { after, limit }: { after: number; limit: number },
): Promise<Link[]> {
  const rows = await tx
    .selectFrom("audit_logs")
    .select(["seq", "prev_hash", "hash", "org_id", "user_id", "action", "entity_type", "entity_id"])
    .select(["pipeline_id", "job_id", "metadata", "ts", "source_id"])
    .where("chain_id", "=", chainId)
    .where("seq", ">", after)
    .orderBy("seq")
    .limit(limit)
    .execute();
  return rows.map(({ seq, prev_hash, hash, metadata, ts, ...row }) => ({
    ...{ seq, prev_hash, hash },
    entry: { ...row, metadata: metadata as AuditEntry["metadata"], ts: auditTime(ts) },
  }));
}

/** What the head of a chain says, and how many links there are after one, both of the same moment. */
export async function selectEnd(
  tx: MetadataTx,
  chainId: string,
  after: number,
): Promise<{ seq: number | null; hash: string | null; beyond: number }> {
  const found = await sql<{ seq: number | null; hash: string | null; beyond: number }>`
    SELECT h.seq, h.hash, (SELECT count(*)::int FROM audit_logs WHERE chain_id = ${chainId} AND seq > ${after}) AS beyond
    FROM (SELECT 1) AS one LEFT JOIN audit_heads h ON h.chain_id = ${chainId}`.execute(tx);
  return found.rows[0] ?? { seq: null, hash: null, beyond: 0 };
}

/** Every chain that is there, or must be: of all organizations, of those that are gone, and the system's, first. */
export async function selectChains(tx: MetadataTx, systemChain: string): Promise<string[]> {
  const found = await sql<{ chain_id: string }>`
    SELECT chain_id FROM (SELECT org_id AS chain_id FROM organizations UNION SELECT chain_id FROM audit_heads
      UNION SELECT DISTINCT chain_id FROM audit_logs UNION SELECT ${systemChain}::uuid) AS c ORDER BY chain_id`.execute(
    tx,
  );
  return found.rows.map(({ chain_id }) => chain_id);
}
