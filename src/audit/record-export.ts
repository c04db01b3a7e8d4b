import { type Principal, viewerOf } from "../access/principal.ts";
import type { MetadataTx } from "../db/metadata.ts";
import type { Services } from "../services.ts";
import { auditEntry } from "./entry.ts";
import { appendAudit } from "./store.ts";

/** A list of which the rows of all pages were given away. */
export type Export = {
  /** The operation that was asked. */
  operation: string;
  format: string;
  /** Fields that it was asked with: their names, because what they say may be a structure or a name. */
  filters: string[];
  rows: number;
  /** False: it broke off, so that these are the rows that were given until then. */
  complete: boolean;
};

/** What `entity_type` says of exports of lists. */
export const EXPORT = "export";

/**
 * Tells the audit log of one export, in the chain of the asker's organization, else, of an operator who is in none, in
 * the installation's own. Throws AppError unavailable.
 */
export async function recordExport(
  { metadata }: Pick<Services, "metadata">,
  principal: Principal,
  { operation, filters, ...rest }: Export,
): Promise<void> {
  const entry = auditEntry({
    org_id: principal.org_id,
    user_id: principal.user_id,
    action: operation,
    entity_type: EXPORT,
    metadata: { ...rest, filters: filters.toSorted() },
  });
  const tell = (tx: MetadataTx) => appendAudit(tx, [entry]);
  // People append to the chain of their organization, and only the machinery to its own.
  await (principal.org_id === null ? metadata.system(tell) : metadata.member(viewerOf(principal), tell));
}
