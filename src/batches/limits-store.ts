import type { MetadataTx } from "../db/metadata.ts";

export async function selectLimits(
  tx: MetadataTx,
  orgId: string,
): Promise<{ status: string; quotas: { [name: string]: unknown } } | undefined> {
  const row = await tx
    .selectFrom("organizations")
    .select(["status", "quotas"])
    .where("org_id", "=", orgId)
    .executeTakeFirst();
  return row === undefined
    ? undefined
    : { status: row.status, quotas: (row.quotas ?? {}) as { [name: string]: unknown } };
}
