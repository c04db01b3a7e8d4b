import { type Canonical, canonicalJson } from "../canonical.ts";

/** What happened, as it is recorded for good. Text and whole numbers only; no structures, no results. */
export type AuditEntry = {
  org_id: string | null;
  user_id: string | null;
  action: string;
  entity_type: string;
  entity_id: string | null;
  pipeline_id: string | null;
  job_id: string | null;
  metadata: { [key: string]: Canonical };
  /** RFC 3339 UTC with exactly three decimals. */
  ts: string;
  /** Of the fact that becomes the row: it is recorded once. */
  source_id: string;
};

/** A time as the chain has it: RFC 3339 UTC to the millisecond. */
export function auditTime(time: Date | string): string {
  return new Date(time).toISOString();
}

/** The bytes that are hashed: the same again when a verifier reads the row back. */
export function auditBody(entry: AuditEntry): string {
  return canonicalJson({ ...entry });
}
