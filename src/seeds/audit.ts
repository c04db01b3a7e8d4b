import { type AuditEntry, auditEntry } from "../audit/entry.ts";
import { countsOf, type SeedChange } from "./report.ts";

/**
 * What the audit log is told of a seeding: how many of each kind, and the permissions that roles got; undefined
 * where nothing was done.
 */
export function seedingEntry(
  changes: SeedChange[],
  by: { org_id: string; user_id: string } | null,
  permissions: string[] = [],
): AuditEntry | undefined {
  const counts = Object.entries(countsOf(changes)).filter(([, count]) => count > 0);
  if (counts.length === 0) return undefined;
  const metadata = {
    ...Object.fromEntries(counts),
    ...(permissions.length === 0 ? {} : { permissions: [...new Set(permissions)].sort() }),
  };
  return auditEntry({
    org_id: by?.org_id ?? null,
    user_id: by?.user_id ?? null,
    action: "seed",
    entity_type: by === null ? "installation" : "organization",
    entity_id: by?.org_id ?? null,
    metadata,
  });
}

/** The admin got a password, the first or another one: by whom it was chosen, never what it is. */
export function passwordEntry(
  userId: string,
  chosen: "given" | "drawn",
  action: "user.set_password" | "user.reset_password" = "user.set_password",
): AuditEntry {
  return auditEntry({
    action,
    entity_type: "user",
    entity_id: userId,
    metadata: { chosen },
  });
}
