import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import { type AuditEntry, auditBody, SYSTEM_CHAIN } from "./entry.ts";

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
