import { sql } from "kysely";
import type { MetadataTx } from "../db/metadata.ts";
import type { SettingName, SettingValue } from "./setting-keys.ts";

/** What one organization says for itself; what it does not say is absent. */
export type SettingsRow = {
  quotas: { [key: string]: unknown };
  config: { [key: string]: unknown };
  storage_bucket: string | null;
  storage_prefix: string | null;
  logs_backend: string | null;
  /** Every change writes the row of the settings; before the first one the organization's own time stands for it. */
  updated_at: string;
};

export async function selectSettings(tx: MetadataTx, orgId: string): Promise<SettingsRow> {
  const row = await tx
    .selectFrom("organizations as o")
    .leftJoin("org_settings as s", "s.org_id", "o.org_id")
    .select(["o.quotas", "s.config", "s.storage_bucket", "s.storage_prefix", "s.logs_backend"])
    .select((eb) => eb.fn.coalesce("s.updated_at", "o.created_at").as("updated_at"))
    .where("o.org_id", "=", orgId)
    .executeTakeFirstOrThrow();
  return { ...row, quotas: row.quotas ?? {}, config: row.config ?? {} } as SettingsRow;
}

export type Values = Partial<Record<SettingName, SettingValue>>;

/** Sets and takes back keys of the quotas; the others stay as they are. */
export async function updateQuotas(
  tx: MetadataTx,
  orgId: string,
  set: Values,
  unset: SettingName[],
): Promise<void> {
  await sql`UPDATE organizations SET quotas = (quotas || ${JSON.stringify(set)}::jsonb) - ${unset}::text[]
    WHERE org_id = ${orgId}`.execute(tx);
}

/** Sets and takes back keys of the configuration; the others stay as they are. */
export async function updateConfig(
  tx: MetadataTx,
  orgId: string,
  set: Values,
  unset: SettingName[],
): Promise<void> {
  await sql`INSERT INTO org_settings AS s (org_id, config) VALUES (${orgId}, ${JSON.stringify(set)}::jsonb)
    ON CONFLICT (org_id) DO UPDATE SET config = (s.config || excluded.config) - ${unset}::text[]`.execute(tx);
}
