import { type Canonical, canonicalJson } from "../canonical.ts";
import { newId } from "../ids.ts";

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

/** Chain of the installation itself. */
export const SYSTEM_CHAIN = "00000000-0000-0000-0000-000000000000";

/** What is told of a deed; who did nothing in an organization or for a job says nothing of them. */
export type Deed = Pick<AuditEntry, "action" | "entity_type"> &
  Partial<Omit<AuditEntry, "action" | "entity_type" | "ts" | "source_id">>;

/** A deed of this moment as a row of the audit log. */
export function auditEntry(deed: Deed): AuditEntry {
  return {
    org_id: null,
    user_id: null,
    entity_id: null,
    pipeline_id: null,
    job_id: null,
    metadata: {},
    ...deed,
    ts: auditTime(new Date()),
    source_id: newId(),
  };
}

/** A time as the chain has it: RFC 3339 UTC to the millisecond. */
export function auditTime(time: Date | string): string {
  return new Date(time).toISOString();
}

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const YEARS = /^2\d{3}-/;
const FIELDS = 10;

/**
 * True of an entry that is the organization's own, that its chain can hold, and that reads back from the row as
 * it was hashed. What comes from its database was written by its people: one row that is another's, or that
 * the table refuses, must not stop the rest, nor break the chain for who verifies it.
 */
export function belongsToChain(value: unknown, orgId: string): boolean {
  const entry = value as AuditEntry;
  const { user_id, pipeline_id, job_id, source_id, action, entity_type, entity_id, metadata, ts } = entry;
  return (
    Object.keys(entry).length === FIELDS &&
    entry.org_id === orgId &&
    [user_id, pipeline_id, job_id].every((id) => id === null || ID.test(id)) &&
    ID.test(source_id) &&
    [action, entity_type, entity_id ?? ""].every((text) => typeof text === "string") &&
    action.length >= 1 &&
    action.length <= 100 &&
    Object.prototype.toString.call(metadata) === "[object Object]" &&
    YEARS.test(ts) &&
    isWhole(entry)
  );
}

function isWhole(entry: AuditEntry): boolean {
  try {
    auditBody(entry);
    return auditTime(entry.ts) === entry.ts;
  } catch {
    return false;
  }
}

/** The bytes that are hashed: the same again when a verifier reads the row back. */
export function auditBody(entry: AuditEntry): string {
  return canonicalJson({ ...entry });
}
