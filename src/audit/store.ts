import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import { sha256 } from "../ids.ts";
import { type AuditEntry, auditBody, auditTime } from "./entry.ts";

/** Chain of the installation itself. */
export const SYSTEM_CHAIN = "00000000-0000-0000-0000-000000000000";
const NO_HASH = "0".repeat(64);

/** Appends entries of one organization (or of the system) to its chain. Returns how many were new. */
export async function appendAudit(tx: MetadataTx, entries: AuditEntry[]): Promise<number> {
  const first = entries[0];
  if (first === undefined) return 0;
  const bodies = JSON.stringify(entries.map(auditBody));
  const chain = first.org_id ?? SYSTEM_CHAIN;
  const row = await sql<{ added: number }>`SELECT append_audit(${chain}, ${bodies}::jsonb) AS added`.execute(
    tx,
  );
  return row.rows[0]?.added ?? 0;
}

/** True where an organization's chain has a row of one of these actions. */
export async function chainHas(tx: MetadataTx, orgId: string, actions: string[]): Promise<boolean> {
  const row = await tx
    .selectFrom("audit_logs")
    .select("audit_id")
    .where("chain_id", "=", orgId)
    .where("action", "in", actions)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

export type ChainReport = { chain_id: string; rows: number; head: string; first_bad_seq: number | null };

/** Walks one chain from its first row and recomputes every hash. */
export async function verifyChain(tx: MetadataTx, chainId: string): Promise<ChainReport> {
  const rows = await tx
    .selectFrom("audit_logs")
    .selectAll()
    .where("chain_id", "=", chainId)
    .orderBy("seq")
    .execute();
  const head = await tx
    .selectFrom("audit_heads")
    .selectAll()
    .where("chain_id", "=", chainId)
    .executeTakeFirst();
  let previous = NO_HASH;
  for (const [index, row] of rows.entries()) {
    const body = auditBody({
      org_id: row.org_id,
      user_id: row.user_id,
      action: row.action,
      entity_type: row.entity_type,
      entity_id: row.entity_id,
      pipeline_id: row.pipeline_id,
      job_id: row.job_id,
      metadata: row.metadata as AuditEntry["metadata"],
      ts: auditTime(row.ts),
      source_id: row.source_id,
    });
    const intact =
      row.seq === index + 1 && row.prev_hash === previous && row.hash === sha256(`${previous}\n${body}`);
    if (!intact)
      return { chain_id: chainId, rows: rows.length, head: head?.hash ?? NO_HASH, first_bad_seq: index + 1 };
    previous = row.hash;
  }
  const cut = previous !== (head?.hash ?? NO_HASH) || rows.length !== (head?.seq ?? 0);
  return {
    chain_id: chainId,
    rows: rows.length,
    head: head?.hash ?? NO_HASH,
    first_bad_seq: cut ? rows.length + 1 : null,
  };
}
